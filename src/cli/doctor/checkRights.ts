import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import type { ExistingSpec } from "../../config/StackSpec.ts";
import { type Finding, not, ok } from "./Finding.ts";

/** authorization.k8s.io/v1 ResourceAttributes; without a namespace: in all of them. */
interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
}

const EVERYTHING: Right = { verb: "*", group: "*", resource: "*" };

/** What `up` does in a cluster that is there, one verb for each kind that says most about the others. */
const ALWAYS: readonly Right[] = [
  { verb: "create", group: "", resource: "namespaces" },
  { verb: "patch", group: "", resource: "secrets" },
  { verb: "patch", group: "", resource: "configmaps" },
  { verb: "patch", group: "", resource: "serviceaccounts" },
  { verb: "create", group: "", resource: "serviceaccounts", subresource: "token" },
  { verb: "patch", group: "rbac.authorization.k8s.io", resource: "roles" },
  { verb: "patch", group: "rbac.authorization.k8s.io", resource: "rolebindings" },
  { verb: "update", group: "coordination.k8s.io", resource: "leases" },
  { verb: "patch", group: "argoproj.io", resource: "applications" },
  { verb: "patch", group: "apps", resource: "deployments" },
];

/** Where Argo CD is to be installed. */
const INSTALLING: readonly Right[] = [
  { verb: "patch", group: "apiextensions.k8s.io", resource: "customresourcedefinitions" },
  { verb: "patch", group: "rbac.authorization.k8s.io", resource: "clusterroles" },
  { verb: "patch", group: "rbac.authorization.k8s.io", resource: "clusterrolebindings" },
  { verb: "patch", group: "apps", resource: "statefulsets" },
];

/** What the kubeconfig's user may do, asked by SelfSubjectAccessReview, which stores nothing. */
export async function checkRights(
  client: KubernetesClient,
  { gitops }: Pick<ExistingSpec, "gitops">,
): Promise<Finding> {
  if (await isAllowed(client, EVERYTHING)) return ok("the user may do everything");
  const wanted = gitops.adopt === undefined ? [...ALWAYS, ...INSTALLING] : ALWAYS;
  const answers = await Promise.all(wanted.map(async (right) => ({ right, allowed: await isAllowed(client, right) })));
  const refused = answers.filter(({ allowed }) => !allowed).map(({ right }) => describe(right));
  if (refused.length === 0) {
    const seen = `the user may do the ${wanted.length} things asked about, and not everything`;
    return not(
      "warning",
      seen,
      "the stack's roles can only be given rights that the user has: see that they include those of Argo CD, or use an administrator",
    );
  }
  return not(
    "problem",
    `the user may not ${refused.join(", ")}`,
    "have an administrator of the cluster give the kubeconfig's user these rights, or run it as one",
  );
}

async function isAllowed(client: KubernetesClient, resourceAttributes: Right): Promise<boolean> {
  const body = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { resourceAttributes } };
  const answer = await client.request<{ status: { allowed: boolean } }>(
    "POST",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    { body },
  );
  return answer.status.allowed;
}

function describe({ verb, group, resource, subresource }: Right): string {
  const named = subresource === undefined ? resource : `${resource}/${subresource}`;
  return `${verb} ${named}${group === "" ? "" : `.${group}`}`;
}
