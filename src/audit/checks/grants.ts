/** A rule of a Role or ClusterRole (rbac.authorization.k8s.io/v1). */
export interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** Role, ClusterRole or their bindings, as much of them as decides who may do what. */
export interface RbacObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[] | null;
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly RbacSubject[] | null;
}

interface RbacSubject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** Who may do something: a service account, or a user by the name in their certificate. */
export type Account =
  | { readonly kind: "ServiceAccount"; readonly namespace: string; readonly name: string }
  | { readonly kind: "User"; readonly name: string };

/** What one binding gives. */
export interface Grant {
  /** `ClusterRoleBinding admins`. */
  readonly by: string;
  /** Where it counts; everywhere without it. */
  readonly namespace?: string;
  readonly rules: readonly Rule[];
}

/**
 * All that these objects give an account, by its name or by a group that it is in; pure. A binding to a role that is not among them
 * gives nothing.
 *
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
 */
export function grantsTo(account: Account, objects: readonly RbacObject[]): Grant[] {
  const roles = new Map(objects.map((object) => [keyOf(object.kind, object.metadata), object.rules ?? []]));
  return objects.flatMap(({ kind, metadata, roleRef, subjects }) => {
    if (roleRef === undefined || !(subjects ?? []).some((subject) => reaches(subject, account))) return [];
    const { namespace } = metadata;
    const place = roleRef.kind === "Role" && namespace !== undefined ? { namespace } : {};
    const rules = roles.get(keyOf(roleRef.kind, { name: roleRef.name, ...place })) ?? [];
    const by = `${kind} ${namespace === undefined ? "" : `${namespace}/`}${metadata.name}`;
    return [{ by, ...(namespace === undefined ? {} : { namespace }), rules }];
  });
}

/** What a grant gives that none of the declared ones does: `delete secrets`; pure. */
export function beyond({ namespace, rules }: Grant, declared: readonly Grant[]): string[] {
  const given = declared
    .filter((grant) => grant.namespace === undefined || grant.namespace === namespace)
    .flatMap((grant) => grant.rules.flatMap(permissionsOf));
  const more = rules.flatMap(permissionsOf).filter((permission) => !given.some((one) => covers(one, permission)));
  return [...new Set(more.map(describe))];
}

/** Whether a grant gives everything there is where it counts. */
export function isEverything({ rules }: Grant): boolean {
  return rules.some(({ verbs, resources = [], apiGroups = [] }) =>
    [verbs, resources, apiGroups].every((names) => names.includes("*")),
  );
}

/** One verb on one thing; "*" stands for all of them, as a name for every object. */
type Permission =
  | readonly [verb: string, group: string, resource: string, name: string]
  | readonly [verb: string, url: string];

function permissionsOf(rule: Rule): Permission[] {
  const { verbs, apiGroups = [], resources = [], nonResourceURLs = [] } = rule;
  const names = rule.resourceNames?.length ? rule.resourceNames : ["*"];
  return verbs.flatMap((verb): Permission[] => [
    ...apiGroups.flatMap((group) =>
      resources.flatMap((resource) => names.map((name) => [verb, group, resource, name] as const)),
    ),
    ...nonResourceURLs.map((url) => [verb, url] as const),
  ]);
}

function covers(declared: Permission, live: Permission): boolean {
  return (
    declared.length === live.length &&
    declared.every((part, index) => part === "*" || isWithin(live[index] ?? "", part))
  );
}

/** URLs may end in a star. */
function isWithin(part: string, pattern: string): boolean {
  return (
    part === pattern || (pattern.startsWith("/") && pattern.endsWith("*") && part.startsWith(pattern.slice(0, -1)))
  );
}

function describe([verb, ...what]: Permission): string {
  if (what.length === 1) return `${verb} ${what[0]}`;
  const [group = "", resource = "", name = ""] = what;
  return `${verb} ${resource}${group === "" ? "" : `.${group}`}${name === "*" ? "" : ` "${name}"`}`;
}

function reaches(subject: RbacSubject, account: Account): boolean {
  switch (subject.kind) {
    case "ServiceAccount":
      return account.kind === subject.kind && subject.name === account.name && subject.namespace === account.namespace;
    case "User":
      return subject.name === (account.kind === "User" ? account.name : userOf(account));
    case "Group":
      return groupsOf(account).includes(subject.name);
    default:
      return false;
  }
}

function userOf({ namespace, name }: Extract<Account, { kind: "ServiceAccount" }>): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

function groupsOf(account: Account): string[] {
  const all = "system:authenticated";
  if (account.kind === "User") return [all];
  return [all, "system:serviceaccounts", `system:serviceaccounts:${account.namespace}`];
}

function keyOf(kind: string, { namespace = "", name }: { namespace?: string; name: string }): string {
  return `${kind} ${namespace}/${name}`;
}
