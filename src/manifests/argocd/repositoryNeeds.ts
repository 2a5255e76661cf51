import { DayzeroError } from "../../config/DayzeroError.ts";
import { DAYZERO_NAMESPACE } from "../marks.ts";
import { ARGOCD_NAMESPACE } from "./controllerIdentity.ts";
import { isClusterScoped } from "./isClusterScoped.ts";

/** One kind that the rendered repository holds, once for each namespace it is found in. */
export interface RepositoryKind {
  /** API group; "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** As the manifest says it; absent when it names none. That of a Namespace is its own name. */
  readonly namespace?: string;
}

export interface GroupKind {
  readonly group: string;
  readonly kind: string;
}

/** What the GitOps controller has to be allowed to reconcile the repository, and nothing beyond. */
export interface RepositoryNeeds {
  /** Destination namespaces, sorted: with those that the repository declares and puts nothing into. */
  readonly namespaces: readonly string[];
  /** Namespaced kinds by namespace, sorted by group and kind. */
  readonly namespaced: Readonly<Record<string, readonly GroupKind[]>>;
  /** Cluster-scoped kinds, sorted. */
  readonly cluster: readonly GroupKind[];
  /** One of `namespaces`; there only when some manifest names no namespace. */
  readonly defaultNamespace?: string;
}

/** They hold what the controller's own rights and credentials, and the cluster itself, rest on. */
const RESERVED = [ARGOCD_NAMESPACE, DAYZERO_NAMESPACE, "kube-node-lease", "kube-public", "kube-system"];

/**
 * Sorts what a repository holds by where it goes. Equal repositories give equal results whatever their order.
 *
 * A namespaced kind without a namespace goes to `defaultNamespace`. Throws REPOSITORY_NAMESPACE_RESERVED for a repository
 * that reaches into the namespaces of Argo CD, Dayzero or Kubernetes itself.
 */
export function repositoryNeeds(kinds: readonly RepositoryKind[], defaultNamespace: string): RepositoryNeeds {
  const cluster: GroupKind[] = [];
  const byNamespace = new Map<string, GroupKind[]>();
  let needsDefault = false;
  for (const { group, kind, namespace } of kinds) {
    if (isClusterScoped({ group, kind })) {
      cluster.push({ group, kind });
      if (group === "" && kind === "Namespace" && namespace !== undefined) {
        refuseReserved(namespace, kind);
        byNamespace.set(namespace, byNamespace.get(namespace) ?? []);
      }
      continue;
    }
    needsDefault ||= namespace === undefined;
    const destination = namespace ?? defaultNamespace;
    refuseReserved(destination, kind);
    byNamespace.set(destination, [...(byNamespace.get(destination) ?? []), { group, kind }]);
  }
  const namespaces = [...byNamespace.keys()].sort();
  return {
    namespaces,
    namespaced: Object.fromEntries(namespaces.map((name) => [name, sortedUnique(byNamespace.get(name) ?? [])])),
    cluster: sortedUnique(cluster),
    ...(needsDefault ? { defaultNamespace } : {}),
  };
}

/** Every namespaced kind, whichever namespace needs it; sorted. */
export function namespacedKinds(needs: RepositoryNeeds): GroupKind[] {
  return sortedUnique(Object.values(needs.namespaced).flat());
}

function refuseReserved(namespace: string, kind: string): void {
  if (!RESERVED.includes(namespace)) return;
  throw new DayzeroError(
    "REPOSITORY_NAMESPACE_RESERVED",
    `cannot let the repository put a ${kind} into namespace "${namespace}"`,
    {
      hint: `move it to another namespace: ${RESERVED.join(", ")} are the cluster's and the controller's own`,
    },
  );
}

function sortedUnique(kinds: readonly GroupKind[]): GroupKind[] {
  const byKey = new Map(kinds.map(({ group, kind }) => [`${group}/${kind}`, { group, kind }]));
  return [...byKey.keys()].sort().flatMap((key) => byKey.get(key) ?? []);
}
