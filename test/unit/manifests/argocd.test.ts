import { describe, expect, test } from "vitest";
import { appProject } from "../../../src/manifests/argocd/appProject.ts";
import { argocdSettings } from "../../../src/manifests/argocd/argocdSettings.ts";
import { clusterSecret } from "../../../src/manifests/argocd/clusterSecret.ts";
import { destinationNamespaces } from "../../../src/manifests/argocd/controllerIdentity.ts";
import { clusterRoles, destinationRoles } from "../../../src/manifests/argocd/destinationRoles.ts";
import type { Manifest } from "../../../src/manifests/argocd/Manifest.ts";
import { redisConfiguration } from "../../../src/manifests/argocd/redisConfiguration.ts";
import { repositoryNeeds } from "../../../src/manifests/argocd/repositoryNeeds.ts";
import { rootApplication } from "../../../src/manifests/argocd/rootApplication.ts";

const version = "v1";
const needs = repositoryNeeds(
  [
    { group: "apps", version, kind: "Deployment", namespace: "staging" },
    { group: "rbac.authorization.k8s.io", version, kind: "Role", namespace: "staging" },
    { group: "", version, kind: "ConfigMap", namespace: "production" },
  ],
  "fleet",
);
const withCluster = repositoryNeeds(
  [
    { group: "", version, kind: "Namespace" },
    { group: "scheduling.k8s.io", version, kind: "PriorityClass" },
    { group: "", version, kind: "ConfigMap", namespace: "staging" },
  ],
  "fleet",
);
const decode = (secret: Manifest): Record<string, string> =>
  Object.fromEntries(
    Object.entries(secret.data as Record<string, string>).map(([key, text]) => [key, atob(text)] as const),
  );

describe("destinationRoles()", () => {
  const [role, binding] = destinationRoles(needs, "controller:fleet").filter(
    ({ metadata }) => metadata.namespace === "staging",
  );

  test("grants writing for the kinds of that namespace, and only reading for those of others", () => {
    expect(role?.rules).toEqual([
      { apiGroups: [""], resources: ["namespaces"], resourceNames: ["staging"], verbs: ["get"] },
      {
        apiGroups: ["apps"],
        resources: ["deployments"],
        verbs: ["get", "list", "watch", "create", "patch", "delete"],
      },
      {
        apiGroups: ["rbac.authorization.k8s.io"],
        resources: ["roles"],
        verbs: ["get", "list", "watch", "create", "patch", "delete", "update"],
      },
      { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "watch"] },
    ]);
  });

  test("binds it to the application controller's account and nobody else", () => {
    expect(binding?.subjects).toEqual([
      { kind: "ServiceAccount", name: "argocd-application-controller", namespace: "argocd" },
    ]);
    expect(binding?.roleRef).toMatchObject({ kind: "Role", name: "controller:fleet" });
  });
});

describe("clusterRoles()", () => {
  test("makes none for a repository without cluster-scoped kinds", () => {
    expect(clusterRoles(needs, "controller:fleet")).toEqual([]);
  });

  test("lets only the destinations among the namespaces be changed or pruned", () => {
    expect(clusterRoles(withCluster, "controller:fleet")[0]?.rules).toEqual([
      expect.objectContaining({ apiGroups: ["scheduling.k8s.io"], resources: ["priorityclasses"] }),
      { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch", "create"] },
      { apiGroups: [""], resources: ["namespaces"], resourceNames: ["staging"], verbs: ["patch", "delete"] },
    ]);
  });
});

describe("clusterSecret()", () => {
  test("limits Argo CD to the destinations, and to namespaced kinds where there are no others", () => {
    expect(decode(clusterSecret(needs))).toMatchObject({ namespaces: "production,staging", clusterResources: "false" });
    expect(decode(clusterSecret(withCluster)).clusterResources).toBe("true");
  });

  test("changes its configuration when a kind is added, so that Argo CD looks again, and holds no credential", () => {
    const more = repositoryNeeds([{ group: "batch", version, kind: "Job", namespace: "staging" }], "fleet");
    expect(decode(clusterSecret(more)).config).not.toBe(decode(clusterSecret(needs)).config);
    expect(Object.keys(JSON.parse(decode(clusterSecret(needs)).config ?? ""))).toEqual(["execProviderConfig"]);
  });
});

test("appProject() allows that source, those destinations and those kinds", () => {
  const url = "https://127.0.0.1:8443/fleet.git";
  expect(appProject({ name: "fleet", url, needs }).spec).toMatchObject({
    sourceRepos: [url],
    destinations: [
      { server: "https://kubernetes.default.svc", namespace: "" },
      { server: "https://kubernetes.default.svc", namespace: "production" },
      { server: "https://kubernetes.default.svc", namespace: "staging" },
    ],
    clusterResourceWhitelist: [],
    namespaceResourceWhitelist: [
      { group: "", kind: "ConfigMap" },
      { group: "apps", kind: "Deployment" },
      { group: "rbac.authorization.k8s.io", kind: "Role" },
    ],
  });
});

test("rootApplication() heals and prunes, never prunes everything, and deletes nothing with itself", () => {
  const source = { project: "fleet", url: "https://git/fleet.git", path: "overlays/staging", branch: "main" };
  const application = rootApplication({ ...source, revision: "0123abcd" });
  expect(application.metadata).toMatchObject({ annotations: { "dayzero.dev/await-revision": "0123abcd" } });
  expect(application.metadata).not.toHaveProperty("finalizers");
  expect(application.spec).toMatchObject({
    source: { repoURL: source.url, path: source.path, targetRevision: "main" },
    destination: { server: "https://kubernetes.default.svc" },
    syncPolicy: { automated: { prune: true, selfHeal: true }, retry: { refresh: true } },
  });
});

test("argocdSettings() calls what needs a kubelet healthy only where there is none", () => {
  const health = "resource.customizations.health.apps_Deployment";
  expect((argocdSettings({ kubelet: false }).data as Record<string, string>)[health]).toContain("no kubelet");
  expect(argocdSettings({ kubelet: true }).data).not.toHaveProperty([health]);
});

test("destinationNamespaces() leaves out the one that every cluster has, and takes over those that are there", () => {
  const made = destinationNamespaces(["default", "staging"]);
  expect(made.map(({ metadata }) => metadata)).toEqual([
    { name: "staging", annotations: { "dayzero.dev/adopt": "true" } },
  ]);
});

test("redisConfiguration() listens on loopback, stores nothing, and takes its password from another file", () => {
  const lines = redisConfiguration(6379).split("\n");
  expect(lines).toEqual(expect.arrayContaining(["bind 127.0.0.1", "port 6379", 'save ""', "appendonly no"]));
  expect(lines.find((line) => line.startsWith("user default "))).toContain(">{{file:etc/redis.password}} ");
});
