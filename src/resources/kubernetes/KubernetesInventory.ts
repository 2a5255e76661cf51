import type { KubernetesClient, KubernetesManifest, KubernetesReference } from "../../clients/KubernetesClient.ts";
import { KubernetesError } from "../../clients/KubernetesError.ts";
import { DAYZERO_NAMESPACE, STACK_LABEL } from "../../manifests/marks.ts";
import { ensureDayzeroNamespace } from "./ensureDayzeroNamespace.ts";

interface ConfigMap extends KubernetesManifest {
  readonly data?: Readonly<Record<string, string>>;
}

interface Edit {
  readonly add: ReadonlySet<string>;
  readonly remove: ReadonlySet<string>;
}

/** Key of the ConfigMap under which the identities stand, a line each, in the order in which they were added. */
const KEY = "objects";

const inventories = new WeakMap<KubernetesClient, Map<string, KubernetesInventory>>();

/** The one inventory of a stack through a client, so that edits of resources that are made side by side go together. */
export function inventoryOf(client: KubernetesClient, stack: string): KubernetesInventory {
  const ofClient = inventories.get(client) ?? new Map<string, KubernetesInventory>();
  inventories.set(client, ofClient);
  const inventory = ofClient.get(stack) ?? new KubernetesInventory(client, stack);
  ofClient.set(stack, inventory);
  return inventory;
}

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
    const lines = linesOf(await this.#read());
    this.#known = new Set(lines);
    return lines;
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
    const { name, namespace, ...kind } = inventoryReference(this.#stack);
    await ensureDayzeroNamespace(this.#client, this.#stack);
    const labels = { [STACK_LABEL]: this.#stack };
    await this.#client.create({ ...kind, metadata: { name, namespace, labels }, data });
  }

  #read(): Promise<ConfigMap | undefined> {
    return this.#client.get<ConfigMap>(inventoryReference(this.#stack));
  }
}

/** Where a stack's inventory is. */
export function inventoryReference(stack: string): KubernetesReference & { readonly namespace: string } {
  return { apiVersion: "v1", kind: "ConfigMap", namespace: DAYZERO_NAMESPACE, name: `dayzero-inventory-${stack}` };
}

function linesOf(map: ConfigMap | undefined): string[] {
  return (map?.data?.[KEY] ?? "").split("\n").filter((line) => line !== "");
}
