import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import { agentObjects } from "../../../src/manifests/agent/agentObjects.ts";
import type { Manifest } from "../../../src/manifests/argocd/Manifest.ts";
import { openBaoNamespace, openBaoObjects } from "../../../src/manifests/openbao/openBaoObjects.ts";
import { openBaoStatefulSet } from "../../../src/manifests/openbao/openBaoStatefulSet.ts";
import { RESTRICTED_NAMESPACE_LABELS } from "../../../src/manifests/restrictedPod.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import { waitFor } from "../../support/waitFor.ts";
import { openBaoSpec, SEALS } from "./openBaoSpecs.ts";

const configuration = {
  server: "https://kubernetes.default.svc",
  vaultAddress: "https://openbao.openbao.svc:8200",
  mount: "dayzero/one/1234abcd",
  repository: "fleet",
  url: "https://git.example.com/team/fleet.git",
  oidcRole: "dayzero.one.fleet",
  namespace: "argocd",
};
const image = `registry.example.com/dayzero@sha256:${"c".repeat(64)}`;
const AGENTS = [
  agentObjects({ stack: "one", image, configuration }),
  agentObjects({ stack: "one", image, configuration, cron: "*/2 * * * *" }),
] as const;
const PLURALS: Readonly<Record<string, string>> = { NetworkPolicy: "networkpolicies" };

let server: ApiServer;
let client: KubernetesClient;

beforeAll(async () => {
  server = await startApiServer(inject("tools"));
  client = server.client();
  const namespaces = ["dayzero-system", "argocd"].map((name) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: RESTRICTED_NAMESPACE_LABELS },
  }));
  for (const namespace of [openBaoNamespace(openBaoSpec({ type: "shamir" })), ...namespaces]) {
    await client.apply(namespace);
  }
  // Without controllers nobody makes service accounts, and a pod has to have one.
  const openBao = openBaoObjects(openBaoSpec({ type: "shamir" }))["service-account"];
  for (const account of [openBao, AGENTS[0]["service-account"]]) await client.apply(account as Manifest);
}, 120_000);

afterAll(async () => {
  await client?.close();
  await server?.stop();
});

/** Through admission and strict validation, without keeping it. */
async function create(object: Manifest): Promise<void> {
  const { apiVersion, kind, metadata } = object;
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const plural = PLURALS[kind] ?? `${kind.toLowerCase()}s`;
  await client.request("POST", `${root}/namespaces/${metadata.namespace}/${plural}`, {
    body: object,
    query: { dryRun: "All", fieldValidation: "Strict" },
  });
}

/** The pod that a workload's controller would make. */
function podOf(workload: Manifest): Manifest & { spec: Record<string, unknown> } {
  const spec = workload.spec as {
    template?: Template;
    jobTemplate?: { spec: { template: Template } };
    volumeClaimTemplates?: { metadata: { name: string } }[];
  };
  const template = spec.template ?? (spec.jobTemplate?.spec.template as Template);
  const claims = (spec.volumeClaimTemplates ?? []).map(({ metadata: { name } }) => ({
    name,
    persistentVolumeClaim: { claimName: name },
  }));
  const { namespace } = workload.metadata;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...template.metadata, name: "rendered", ...(namespace === undefined ? {} : { namespace }) },
    spec: { ...template.spec, volumes: [...template.spec.volumes, ...claims] },
  };
}

interface Template {
  metadata: Manifest["metadata"];
  spec: Record<string, unknown> & { volumes: object[]; containers: Record<string, unknown>[] };
}

test.each(SEALS.map((seal) => [seal.type, seal] as const))(
  "openBaoStatefulSet() and openBaoObjects() with seal %s are accepted as written, their pod in a restricted namespace",
  async (_, seal) => {
    const spec = openBaoSpec(seal);
    const nodes = openBaoStatefulSet(spec, { configuration: "1", certificate: "2" });
    const { "service-account": account, ...others } = openBaoObjects(spec);
    for (const object of [...Object.values(others), nodes, podOf(nodes)]) await create(object);
    await client.apply(account as Manifest, { dryRun: true });
  },
);

test.each([
  ["Deployment", AGENTS[0]],
  ["CronJob", AGENTS[1]],
])("agentObjects() with a %s are accepted as written, their pod in a restricted namespace", async (kind, objects) => {
  const { "service-account": _, ...others } = objects;
  expect(others.workload?.kind).toBe(kind);
  for (const object of Object.values(others)) await create(object);
  await create(podOf(others.workload as Manifest));
});

test("restricted admission refuses the same pods once they are less strict, and fields that are misspelt", async () => {
  const pod = podOf(openBaoStatefulSet(openBaoSpec({ type: "shamir" }), {}));
  const lax = { ...pod, spec: { ...pod.spec, securityContext: {} } };
  await expect(create(lax)).rejects.toThrow(/violates PodSecurity "restricted:v1.36".*seccompProfile/);
  const agent = podOf(AGENTS[0].workload as Manifest);
  const [container] = (agent.spec as Template["spec"]).containers;
  const rooted = { ...container, securityContext: { allowPrivilegeEscalation: true } };
  await expect(create({ ...agent, spec: { ...agent.spec, containers: [rooted] } })).rejects.toThrow(
    /allowPrivilegeEscalation != false.*unrestricted capabilities/,
  );
  await expect(create({ ...agent, spec: { ...agent.spec, dnsPolicyy: "Default" } })).rejects.toThrow(/unknown field/);
});

test("the agent's service account may read and replace its own Secret, and nothing else", async () => {
  const { role, "role-binding": binding } = AGENTS[0];
  for (const object of [role, binding]) await client.apply(object as Manifest);
  const isAllowed = async (attributes: Record<string, string>) => {
    const review = await client.request<{ status: { allowed: boolean } }>(
      "POST",
      "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      {
        body: {
          apiVersion: "authorization.k8s.io/v1",
          kind: "SubjectAccessReview",
          spec: {
            user: "system:serviceaccount:dayzero-system:git-reader-one",
            groups: ["system:serviceaccounts", "system:serviceaccounts:dayzero-system", "system:authenticated"],
            resourceAttributes: attributes,
          },
        },
      },
    );
    return review.status.allowed;
  };
  const own = { namespace: "argocd", resource: "secrets", name: "repo-fleet" };
  await waitFor("the role", () => isAllowed({ ...own, verb: "get" }));
  expect(await isAllowed({ ...own, verb: "update" })).toBe(true);

  const refused: Record<string, string>[] = [
    ...["create", "patch", "delete", "list", "watch", "deletecollection"].map((verb) => ({ ...own, verb })),
    ...["get", "update", "create"].map((verb) => ({ ...own, name: "argocd-secret", verb })),
    ...["get", "update", "create"].map((verb) => ({ ...own, namespace: "dayzero-system", verb })),
    ...["list", "create"].map((verb) => ({ namespace: "argocd", resource: "secrets", verb })),
    ...["git-reader-one", "operator"].map((name) => ({
      namespace: "dayzero-system",
      resource: "serviceaccounts",
      subresource: "token",
      name,
      verb: "create",
    })),
    ...["get", "patch"].map((verb) => ({
      namespace: "argocd",
      group: "argoproj.io",
      resource: "applications",
      name: "root",
      verb,
    })),
    { namespace: "dayzero-system", resource: "configmaps", verb: "get", name: "dayzero-agent-fleet" },
    { namespace: "dayzero-system", resource: "pods", verb: "list" },
    { resource: "namespaces", verb: "get", name: "kube-system" },
    { group: "rbac.authorization.k8s.io", resource: "clusterroles", verb: "escalate" },
  ];
  for (const attributes of refused) {
    expect([attributes, await isAllowed(attributes)]).toEqual([attributes, false]);
  }
});
