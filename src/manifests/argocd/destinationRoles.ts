import { CONTROLLER, CONTROLLER_SUBJECT } from "./controllerIdentity.ts";
import { guessResource } from "./guessResource.ts";
import type { Manifest } from "./Manifest.ts";
import { type GroupKind, namespacedKinds, type RepositoryNeeds } from "./repositoryNeeds.ts";

const RBAC_GROUP = "rbac.authorization.k8s.io";

const READ_VERBS = ["get", "list", "watch"];

/** To compare, apply and prune. */
const VERBS = [...READ_VERBS, "create", "patch", "delete"];

/** Argo CD applies RBAC objects as `kubectl auth reconcile` does, which updates instead of patching. */
const RBAC_VERBS = [...VERBS, "update"];

/**
 * One Role and RoleBinding for each destination namespace: the kinds found there, and reading the kinds found elsewhere.
 *
 * Argo CD stops watching a kind altogether when a single destination namespace refuses to list it, hence the reading;
 * it looks at the namespace itself before it applies.
 * Never `escalate` or `bind`: a repository cannot hand out rights that its controller does not have, the API server refuses it.
 */
export function destinationRoles(needs: RepositoryNeeds, name: string): Manifest[] {
  return needs.namespaces.flatMap((namespace) => [
    {
      apiVersion: `${RBAC_GROUP}/v1`,
      kind: "Role",
      metadata: { name, namespace },
      rules: namespaceRules(namespace, needs),
    },
    {
      apiVersion: `${RBAC_GROUP}/v1`,
      kind: "RoleBinding",
      metadata: { name, namespace },
      roleRef: { apiGroup: RBAC_GROUP, kind: "Role", name },
      subjects: [CONTROLLER_SUBJECT],
    },
  ]);
}

/**
 * ClusterRole and ClusterRoleBinding for cluster-scoped kinds; none when the repository has none.
 *
 * Of namespaces only the destinations may be changed or pruned.
 */
export function clusterRoles(needs: RepositoryNeeds, name: string): Manifest[] {
  if (needs.cluster.length === 0) return [];
  return [
    { apiVersion: `${RBAC_GROUP}/v1`, kind: "ClusterRole", metadata: { name }, rules: clusterRules(needs) },
    {
      apiVersion: `${RBAC_GROUP}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: { apiGroup: RBAC_GROUP, kind: "ClusterRole", name },
      subjects: [CONTROLLER_SUBJECT],
    },
  ];
}

/** Name of the roles that let the controller reconcile one repository. */
export function destinationRoleName(repository: string): string {
  return `${CONTROLLER}:${repository}`;
}

function namespaceRules(namespace: string, needs: RepositoryNeeds) {
  const here = needs.namespaced[namespace] ?? [];
  const elsewhere = namespacedKinds(needs).filter(
    ({ group, kind }) => !here.some((found) => found.group === group && found.kind === kind),
  );
  return [
    { apiGroups: [""], resources: ["namespaces"], resourceNames: [namespace], verbs: ["get"] },
    ...rules(here, writeVerbs),
    ...rules(elsewhere, () => READ_VERBS),
  ];
}

function clusterRules({ cluster, namespaces }: RepositoryNeeds) {
  const isNamespace = ({ group, kind }: GroupKind) => group === "" && kind === "Namespace";
  const own = { apiGroups: [""], resources: ["namespaces"] };
  return [
    ...rules(
      cluster.filter((kind) => !isNamespace(kind)),
      writeVerbs,
    ),
    ...(cluster.some(isNamespace)
      ? [
          { ...own, verbs: [...READ_VERBS, "create"] },
          { ...own, resourceNames: namespaces, verbs: ["patch", "delete"] },
        ]
      : []),
  ];
}

function writeVerbs(group: string): string[] {
  return group === RBAC_GROUP ? RBAC_VERBS : VERBS;
}

function rules(kinds: readonly GroupKind[], verbs: (group: string) => string[]) {
  const groups = [...new Set(kinds.map(({ group }) => group))];
  return groups.map((group) => ({
    apiGroups: [group],
    resources: kinds.filter((entry) => entry.group === group).map(({ kind }) => guessResource(kind)),
    verbs: verbs(group),
  }));
}
