import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { parse } from "yaml";
import { KubernetesClient, type KubernetesManifest } from "../../../src/clients/KubernetesClient.ts";
import { appProject } from "../../../src/manifests/argocd/appProject.ts";
import { argocdSettings } from "../../../src/manifests/argocd/argocdSettings.ts";
import { clusterSecret } from "../../../src/manifests/argocd/clusterSecret.ts";
import {
  ARGOCD_NAMESPACE,
  CONTROLLER,
  controllerServiceAccount,
  destinationNamespaces,
  namespace,
} from "../../../src/manifests/argocd/controllerIdentity.ts";
import { controllerRole, controllerRoleBinding } from "../../../src/manifests/argocd/controllerRole.ts";
import { clusterRoles, destinationRoles } from "../../../src/manifests/argocd/destinationRoles.ts";
import { repositoryNeeds } from "../../../src/manifests/argocd/repositoryNeeds.ts";
import { rootApplication } from "../../../src/manifests/argocd/rootApplication.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import { waitFor } from "../../support/waitFor.ts";

const version = "v1";
const url = "https://127.0.0.1:1/fleet.git";
const needs = repositoryNeeds(
  [
    { group: "apps", version, kind: "Deployment", namespace: "staging" },
    { group: "", version, kind: "Service", namespace: "staging" },
    { group: "rbac.authorization.k8s.io", version, kind: "Role", namespace: "staging" },
    { group: "", version, kind: "ConfigMap", namespace: "production" },
    { group: "", version, kind: "Namespace" },
    { group: "scheduling.k8s.io", version, kind: "PriorityClass" },
  ],
  "fleet",
);
const manifests = [
  namespace(ARGOCD_NAMESPACE),
  ...destinationNamespaces(needs.namespaces),
  controllerServiceAccount(),
  controllerRole(),
  controllerRoleBinding(),
  argocdSettings({ kubelet: false }),
  ...destinationRoles(needs, "controller:fleet"),
  ...clusterRoles(needs, "controller:fleet"),
  clusterSecret(needs),
  appProject({ name: "fleet", url, needs }),
  rootApplication({ project: "fleet", url, path: ".", branch: "main", revision: "0".repeat(40) }),
].map(({ metadata, ...rest }) => ({
  ...rest,
  // As the host applies it.
  metadata: { ...metadata, labels: { ...metadata.labels, "dayzero.dev/stack": "local" } },
})) as unknown as KubernetesManifest[];

let server: ApiServer;
let administrator: KubernetesClient;
let controller: KubernetesClient;

beforeAll(async () => {
  server = await startApiServer(inject("tools"));
  administrator = server.client();
  const folder = inject("tools")["argocd-crds"] ?? "";
  for (const file of await readdir(folder)) {
    await administrator.apply(parse(await readFile(join(folder, file), "utf8")) as KubernetesManifest);
  }
  for (const manifest of manifests) {
    // A definition is served a moment after it is stored.
    await waitFor(manifest.kind, async () => Boolean(await administrator.apply(manifest)));
  }
  const { token } = await administrator.serviceAccountToken({
    namespace: "argocd",
    name: CONTROLLER,
    expirationSeconds: 600,
  });
  controller = new KubernetesClient({ server: server.url, ca: server.ca, credential: async () => ({ token }) });
});

afterAll(async () => {
  await controller?.close();
  await administrator?.close();
  await server?.stop();
});

/** `patch apps/deployments staging`; a subresource stands behind a second slash, a name behind the namespace. */
async function mayController(question: string): Promise<boolean> {
  const [verb = "", what = "", namespace = "", name = ""] = question.split(" ");
  const [group = "", resource = "", subresource = ""] = what.split("/");
  const review = await controller.request<{ status: { allowed: boolean } }>(
    "POST",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    {
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: { resourceAttributes: { verb, group, resource, subresource, namespace, name } },
      },
    },
  );
  return review.status.allowed;
}

test("every manifest is stored as it is, and applying it again changes nothing", async () => {
  for (const manifest of manifests) {
    const { namespace: inside, name } = manifest.metadata;
    const reference = { apiVersion: manifest.apiVersion, kind: manifest.kind, name };
    const before = await administrator.get<KubernetesManifest>({
      ...reference,
      ...(inside === undefined ? {} : { namespace: inside }),
    });
    const after = await administrator.apply<KubernetesManifest>(manifest, { dryRun: true });
    expect(after, `${manifest.kind} ${name}`).toEqual(before);
    if (manifest.kind === "Application" || manifest.kind === "AppProject") expect(after.spec).toEqual(manifest.spec);
  }
});

describe("the application controller", () => {
  test.each([
    "watch /secrets argocd",
    "patch argoproj.io/applications argocd",
    "update argoproj.io/applications argocd",
    "watch argoproj.io/appprojects argocd",
    "create /events argocd",
    "create apps/deployments staging",
    "delete apps/deployments staging",
    "update rbac.authorization.k8s.io/roles staging",
    "patch /configmaps production",
    "list apps/deployments production",
    "get /namespaces staging staging",
    "create scheduling.k8s.io/priorityclasses",
    "create /namespaces",
    "delete /namespaces staging staging",
  ])("may %s", async (question) => {
    expect(await mayController(question)).toBe(true);
  });

  test.each([
    "update /secrets argocd",
    "create /secrets argocd",
    "get /secrets staging",
    "list /secrets production",
    "get /secrets kube-system",
    "get /secrets dayzero-system",
    "create /serviceaccounts/token argocd",
    "delete argoproj.io/applications argocd",
    "create argoproj.io/applications argocd",
    "patch argoproj.io/appprojects argocd",
    "patch /configmaps argocd",
    "create apps/deployments production",
    "create apps/deployments kube-system",
    "create apps/deployments default",
    "create /pods/exec staging",
    "get /pods staging",
    "create batch/jobs staging",
    "escalate rbac.authorization.k8s.io/roles staging",
    "bind rbac.authorization.k8s.io/roles staging",
    "create rbac.authorization.k8s.io/rolebindings staging",
    "create rbac.authorization.k8s.io/clusterroles",
    "create rbac.authorization.k8s.io/clusterrolebindings",
    "delete /namespaces kube-system kube-system",
    "delete /namespaces argocd argocd",
    "impersonate /users",
    "create apiextensions.k8s.io/customresourcedefinitions",
    "list /nodes",
  ])("may not %s", async (question) => {
    expect(await mayController(question)).toBe(false);
  });

  test("cannot hand out a right that it does not have itself", async () => {
    const role = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { name: "wider", namespace: "staging" },
      rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }],
    };
    await expect(controller.create(role)).rejects.toMatchObject({ status: 403, reason: "Forbidden" });
  });
});
