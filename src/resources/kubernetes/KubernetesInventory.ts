import type { KubernetesClient, KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { KubernetesError } from "../../clients/KubernetesError.ts";
import { DAYZERO_NAMESPACE, STACK_LABEL } from "../../manifests/marks.ts";

interface ConfigMap extends KubernetesManifest {
  readonly data?: Readonly<Record<string, string>>;
}

interface Edit {
  readonly add: ReadonlySet<string>;
  readonly remove: ReadonlySet<string>;
}

/** Key of the ConfigMap under which the identities stand, a line each, in the order in which they were added. */
const KEY = "objects";

/**
 * Which objects a stack made in a cluster: group, kind, namespace and name, nothing else (ConfigMap `dayzero-inventory-<stack>`).
 *
 * An object is entered before it is made and struck out after it is gone, so that none is ever forgotten. Edits that come while a
 * write is on its way go together into the next one; every write is a compare-and-swap.
 */
export class KubernetesInventory {
  readonly #client: KubernetesClient;
  readonly #stack: string;
  #known: ReadonlySet<string> | undefined;
  #waiting: { edits: Edit[]; done: Promise<void> } | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(client: KubernetesClient, stack: string) {
    this.#client = client;
    this.#stack = stack;
  }

  /** Identities in the order in which they were entered. */
  async list(): Promise<string[]> {
    return linesOf(await this.#read());
  }

  /** Resolves when all of these are entered; without a write when they were before. */
  async add(ids: Iterable<string>): Promise<void> {
    const add = new Set(ids);
    const known = this.#known;
    if (known !== undefined && [...add].every((id) => known.has(id))) return;
    await this.#edit({ add, remove: new Set() });
  }

  async remove(ids: Iterable<string>): Promise<void> {
    await this.#edit({ add: new Set(), remove: new Set(ids) });
  }

  #edit(edit: Edit): Promise<void> {
    if (this.#waiting !== undefined) {
      this.#waiting.edits.push(edit);
      return this.#waiting.done;
    }
    const edits = [edit];
    const done = this.#writing.then(() => {
      this.#waiting = undefined;
      return this.#write(edits);
    });
    this.#waiting = { edits, done };
    this.#writing = done.catch(() => undefined);
    return done;
  }

  async #write(edits: readonly Edit[]): Promise<void> {
    for (;;) {
      const live = await this.#read();
      const before = linesOf(live);
      const lines = new Set(before);
      for (const { add, remove } of edits) {
        for (const id of remove) lines.delete(id);
        for (const id of add) lines.add(id);
      }
      const unchanged = before.length === lines.size && before.every((id) => lines.has(id));
      if (unchanged || (await this.#swap(live, [...lines]))) {
        this.#known = lines;
        return;
      }
    }
  }

  /** False when somebody else wrote in between. */
  async #swap(live: ConfigMap | undefined, lines: readonly string[]): Promise<boolean> {
    const data = { [KEY]: lines.map((line) => `${line}\n`).join("") };
    try {
      if (live !== undefined) await this.#client.replace({ ...live, data });
      else await this.#create(data);
      return true;
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 409) return false;
      throw error;
    }
  }

  async #create(data: Record<string, string>): Promise<void> {
    const labels = { [STACK_LABEL]: this.#stack };
    const metadata = { name: `dayzero-inventory-${this.#stack}`, namespace: DAYZERO_NAMESPACE, labels };
    await this.#client.create({ apiVersion: "v1", kind: "ConfigMap", metadata, data });
  }

  #read(): Promise<ConfigMap | undefined> {
    const name = `dayzero-inventory-${this.#stack}`;
    return this.#client.get<ConfigMap>({ apiVersion: "v1", kind: "ConfigMap", namespace: DAYZERO_NAMESPACE, name });
  }
}

function linesOf(map: ConfigMap | undefined): string[] {
  return (map?.data?.[KEY] ?? "").split("\n").filter((line) => line !== "");
}
