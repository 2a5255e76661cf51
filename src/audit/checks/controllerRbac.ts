import type { KubernetesClient, KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { ARGOCD_NAMESPACE, CONTROLLER } from "../../manifests/argocd/controllerIdentity.ts";
import { IDENTITY_BROKER } from "../../manifests/cluster/identityBrokerAccess.ts";
import { gitReaderAccess, gitReaderAccount } from "../../manifests/gitReaderAccess.ts";
import { GIT_READER, OPERATOR } from "../../manifests/vault/trustNames.ts";
import { readRecord } from "../../resources/gitops/InstallationRecord.ts";
import { intactOf, keyOf } from "../../resources/gitops/installedObjects.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import type { Declared, Subject } from "../Subject.ts";
import { type Account, beyond, type Grant, grantsTo, isEverything, type RbacObject } from "./grants.ts";

const RBAC = "rbac.authorization.k8s.io/v1";
const KINDS = ["ClusterRoleBinding", "ClusterRole", "RoleBinding", "Role"];
/** Rights named for one binding; the rest are counted. */
const NAMED = 5;

/** What Kubernetes gives everybody who is logged in. Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings */
const EVERYBODY: Grant = {
  by: "Kubernetes",
  rules: [
    {
      nonResourceURLs: [
        ...["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", "/version", "/version/"],
        ...["/healthz", "/livez", "/readyz"],
        ...["/.well-known/openid-configuration", "/.well-known/openid-configuration/"],
        ...["/openid/v1/jwks", "/openid/v1/jwks/"],
      ],
      verbs: ["get"],
    },
    {
      apiGroups: ["authorization.k8s.io"],
      resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
      verbs: ["create"],
    },
    { apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"], verbs: ["create"] },
    { apiGroups: ["certificates.k8s.io"], resources: ["clustertrustbundles"], verbs: ["get", "list", "watch"] },
  ],
};

/** Whatever binding of the cluster reaches one of these accounts counts, whoever made it; rights that a declared one gives are none too many. */
export const controllerRbac: Check = {
  id: "controller-rbac",
  promise: "the service accounts of the controllers may do what is declared and no more",
  remedy: "delete the binding or the rule named; `dayzero up` writes the stack's own roles again",

  async look(subject) {
    const evidence = new Evidence();
    const { context } = subject;
    const live = await evidence.look("roles and their bindings", "leave to list them in all namespaces", async () => {
      const client = await context.kubernetes();
      const lists = await Promise.all(KINDS.map((kind) => client.list({ apiVersion: RBAC, kind })));
      return lists.flat();
    });
    const all = await evidence.look("what is declared", "a dry run of the stack's program", () => subject.declared());
    if (live === undefined || all === undefined) return evidence.finding;
    const why = whyNotCompared(subject, all);
    if (why !== undefined) evidence.unobservable(`what Argo CD in ${ARGOCD_NAMESPACE} may do is not compared: ${why}`);
    await evidence.look("service accounts and installation", `leave to read them in ${ARGOCD_NAMESPACE}`, async () => {
      const client = await context.kubernetes();
      const accounts = [...(why === undefined ? await argoCdAccounts(client, subject) : []), ...ownAccounts(subject)];
      const declared = [...declaredOf(subject, all), ...(await installedOf(client, live, context.stack))];
      for (const account of accounts) judge(evidence, account, { live: live as readonly RbacObject[], declared });
    });
    return evidence.finding;
  },
};

function judge(
  evidence: Evidence,
  account: Account,
  { live, declared }: { live: readonly RbacObject[]; declared: readonly RbacObject[] },
): void {
  const who = `${account.kind} ${account.kind === "User" ? "" : `${account.namespace}/`}${account.name}`;
  const granted = grantsTo(account, live);
  const allowed = grantsTo(account, declared);
  let isWider = false;
  for (const grant of granted) {
    const more = beyond(grant, [...allowed, EVERYBODY]);
    if (more.length === 0) continue;
    isWider = true;
    const rest = more.length > NAMED ? ` and ${more.length - NAMED} rights more` : "";
    const where = grant.namespace === undefined ? "in the whole cluster" : `in namespace ${grant.namespace}`;
    evidence.violated(`${who} may ${more.slice(0, NAMED).join(", ")}${rest} ${where}, by ${grant.by}`);
  }
  if (isWider) return;
  const all = allowed.find((grant) => grant.namespace === undefined && isEverything(grant));
  const extent = all === undefined ? "no right beyond what is declared" : `everything, as ${all.by} declares`;
  evidence.proved(`${who}: ${extent}, by ${granted.length} bindings`);
}

/** Why what Argo CD may do cannot be held against what is declared. */
function whyNotCompared({ spec }: Subject, declared: readonly Declared[]): string | undefined {
  if (spec.program === "existing" && spec.gitops.adopt !== undefined) return "it is its owner's";
  const find = (type: string) => declared.find((one) => one.type === type);
  const managedBy = find("dayzero:gitops:Installation")?.outputs.managedBy;
  if (typeof managedBy === "string" && managedBy !== "") return `Application ${managedBy} manages it from Git`;
  // Its rights follow from what the repository holds, and that is not known before.
  const repository = find("dayzero:git:Repository");
  return repository?.changes.length ? "`up` has to take in what is new in the repository first" : undefined;
}

function ownAccounts({ spec }: Subject): Account[] {
  if (spec.program === "local") {
    const accounts = [GIT_READER.serviceAccount, OPERATOR.serviceAccount];
    return [...accounts.map(serviceAccount), { kind: "User", name: IDENTITY_BROKER.name }];
  }
  const inCluster = spec.vault.kind === "in-cluster" ? [OPERATOR.serviceAccount] : [];
  return [gitReaderAccount(spec.stack), ...inCluster].map(serviceAccount);
}

/** Of a local stack only the application controller has one to work under. */
async function argoCdAccounts(client: KubernetesClient, { spec }: Subject): Promise<Account[]> {
  if (spec.program === "local") return [serviceAccount({ namespace: ARGOCD_NAMESPACE, name: CONTROLLER })];
  const found = await client.list({ apiVersion: "v1", kind: "ServiceAccount", namespace: ARGOCD_NAMESPACE });
  return found.map(({ metadata: { name } }) => serviceAccount({ namespace: ARGOCD_NAMESPACE, name }));
}

function serviceAccount({ namespace, name }: { namespace: string; name: string }): Account {
  return { kind: "ServiceAccount", namespace, name };
}

/** What the program declares; and the agent's rights, which the person may have applied from `dayzero manifests`. */
function declaredOf({ spec }: Subject, declared: readonly Declared[]): RbacObject[] {
  const objects = declared
    .filter(({ type, inputs: { kind } }) => type === "dayzero:kubernetes:Object" && KINDS.includes(String(kind)))
    .map(({ inputs }) => inputs as unknown as RbacObject);
  if (spec.program === "local") return objects;
  const { role, roleBinding } = gitReaderAccess({
    namespace: ARGOCD_NAMESPACE,
    repository: spec.repository.name,
    serviceAccount: gitReaderAccount(spec.stack),
  });
  return [...objects, ...([role, roleBinding] as unknown as RbacObject[])];
}

/** Of the release that the stack installed, what is as it was applied. */
async function installedOf(
  client: KubernetesClient,
  live: readonly KubernetesManifest[],
  stack: string,
): Promise<RbacObject[]> {
  const at = { namespace: ARGOCD_NAMESPACE, stack };
  const record = await readRecord(client, at);
  if (record === undefined) return [];
  const intact = new Set((await intactOf(client, record, at)).map(keyOf));
  const isThere = ({ metadata: { namespace = ARGOCD_NAMESPACE } }: KubernetesManifest) =>
    namespace === ARGOCD_NAMESPACE;
  return live.filter((object) => isThere(object) && intact.has(keyOf(object))) as unknown as RbacObject[];
}
