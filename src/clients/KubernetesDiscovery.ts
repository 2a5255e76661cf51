import type { KubernetesReference } from "./KubernetesClient.ts";
import { KubernetesError } from "./KubernetesError.ts";

/** What the server says about one kind of a group version. */
interface ServedKind {
  readonly plural: string;
  readonly namespaced: boolean;
}

interface ResourceList {
  readonly resources: readonly { name: string; kind: string; namespaced: boolean }[];
}

interface GroupVersions {
  readonly preferredVersion: { readonly groupVersion: string };
  readonly versions: readonly { readonly groupVersion: string }[];
}

/**
 * Where a kind lives in the REST tree, as the server itself tells (API discovery, `/api/v1` and `/apis/<group>/<version>`).
 *
 * Answers are remembered; a kind that is missing is asked for again, because its CRD may have been made a moment ago.
 */
export class KubernetesDiscovery {
  readonly #fetch: <T>(path: string) => Promise<T>;
  readonly #known = new Map<string, ReadonlyMap<string, ServedKind>>();
  readonly #asking = new Map<string, Promise<unknown>>();

  constructor(fetch: <T>(path: string) => Promise<T>) {
    this.#fetch = fetch;
  }

  /** REST path of one object, or of the collection when `name` is absent. Rejects with reason `UnknownKind`. */
  async path(ref: Omit<KubernetesReference, "name"> & { name?: string }): Promise<string> {
    const kind = await this.#find(ref.apiVersion, ref.kind);
    const namespace = kind.namespaced && ref.namespace !== undefined ? `/namespaces/${encode(ref.namespace)}` : "";
    const name = ref.name === undefined ? "" : `/${encode(ref.name)}`;
    return `${root(ref.apiVersion)}${namespace}/${kind.plural}${name}`;
  }

  /** Whether objects of this kind live in namespaces. Rejects with reason `UnknownKind`. */
  async namespaced(apiVersion: string, kind: string): Promise<boolean> {
    return (await this.#find(apiVersion, kind)).namespaced;
  }

  /** The version of a group in which a kind is served, the preferred one first; `undefined` when it is in none. */
  async apiVersion(group: string, kind: string): Promise<string | undefined> {
    if (group === "") return (await this.#ask("v1")).has(kind) ? "v1" : undefined;
    const path = `/apis/${encode(group)}`;
    const found = await this.#together(path, () => this.#fetch<GroupVersions>(path)).catch((error: unknown) => {
      if (error instanceof KubernetesError && error.status === 404) return undefined;
      throw error;
    });
    if (found === undefined) return undefined;
    const preferred = found.preferredVersion.groupVersion;
    const others = found.versions.map(({ groupVersion }) => groupVersion).filter((other) => other !== preferred);
    for (const apiVersion of [preferred, ...others]) {
      if (this.#known.get(apiVersion)?.has(kind) || (await this.#ask(apiVersion)).has(kind)) return apiVersion;
    }
    return undefined;
  }

  async #find(apiVersion: string, kind: string): Promise<ServedKind> {
    const served = this.#known.get(apiVersion)?.get(kind) ?? (await this.#ask(apiVersion)).get(kind);
    if (served !== undefined) return served;
    throw new KubernetesError({
      status: 404,
      reason: "UnknownKind",
      method: "GET",
      path: root(apiVersion),
      message: `the server has no kind "${kind}" in ${apiVersion}`,
    });
  }

  #ask(apiVersion: string): Promise<ReadonlyMap<string, ServedKind>> {
    return this.#together(root(apiVersion), () => this.#load(apiVersion));
  }

  /** One request for all who ask at the same time. */
  #together<T>(path: string, ask: () => Promise<T>): Promise<T> {
    const asking = (this.#asking.get(path) as Promise<T> | undefined) ?? ask();
    this.#asking.set(path, asking);
    return asking.finally(() => this.#asking.delete(path));
  }

  async #load(apiVersion: string): Promise<ReadonlyMap<string, ServedKind>> {
    const list = await this.#fetch<ResourceList>(root(apiVersion)).catch((error: unknown) => {
      if (error instanceof KubernetesError && error.status === 404) return { resources: [] };
      throw error;
    });
    const kinds = new Map<string, ServedKind>();
    for (const { name, kind, namespaced } of list.resources) {
      if (!name.includes("/")) kinds.set(kind, { plural: name, namespaced });
    }
    this.#known.set(apiVersion, kinds);
    return kinds;
  }
}

function root(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function encode(segment: string): string {
  return encodeURIComponent(segment);
}
