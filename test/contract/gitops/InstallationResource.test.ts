import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { type KubernetesClient, type KubernetesManifest, referenceOf } from "../../../src/clients/KubernetesClient.ts";
import {
  type InstallationArgs,
  type InstallationLive,
  installationResource,
} from "../../../src/resources/gitops/InstallationResource.ts";
import type { Change, Context } from "../../../src/resources/Resource.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import { clusterContext } from "../../support/clusterContext.ts";
import { standInForKubelet } from "../../support/kubeletStandIn.ts";
import { waitFor } from "../../support/waitFor.ts";

const NAMESPACE = "argocd";
const CONTROLLER = {
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  namespace: NAMESPACE,
  name: "argocd-application-controller",
};
const REPO_SERVER = { apiVersion: "apps/v1", kind: "Deployment", namespace: NAMESPACE, name: "argocd-repo-server" };
const INITIAL_ADMIN = { apiVersion: "v1", kind: "Secret", namespace: NAMESPACE, name: "argocd-initial-admin-secret" };
const RECORD = { apiVersion: "v1", kind: "ConfigMap", namespace: NAMESPACE, name: "dayzero-installation" };
const DEFINITION = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  name: "applications.argoproj.io",
};
const APPLICATION = {
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Application",
  metadata: { name: "theirs", namespace: NAMESPACE },
  spec: { project: "default", destination: {}, source: { repoURL: "https://git.example.org/theirs.git", path: "." } },
};

// The API server takes its time with definitions of 1.4 MB that come and go.
vi.setConfig({ testTimeout: 180_000 });

let server: ApiServer;
let client: KubernetesClient;
const end = new AbortController();
let standIn: Promise<void>;

beforeAll(async () => {
  server = await startApiServer(inject("tools"));
  client = server.client();
  await client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  standIn = standInForKubelet(client, end.signal);
});

afterAll(async () => {
  end.abort();
  await standIn;
  await client?.close();
  await server?.stop();
});

function contextOf(stack: string): Context {
  return clusterContext(server, client, { stack, tool: (name) => [inject("tools")[name] ?? ""] });
}

const ctx = () => contextOf("test");

function inputsOf(change: Partial<InstallationArgs> = {}) {
  return installationResource.inputs.parse({
    namespace: NAMESPACE,
    variant: "core",
    tool: "argocd-manifests",
    ...change,
  });
}

async function plan(change: Partial<InstallationArgs> = {}): Promise<Change[]> {
  const desired = inputsOf(change);
  return installationResource.plan(await installationResource.read(NAMESPACE, ctx(), desired), desired);
}

/** What a run does; then nothing is left to do. */
async function up(change: Partial<InstallationArgs> = {}): Promise<{ paths: string[]; live: InstallationLive }> {
  const changes = await plan(change);
  const desired = inputsOf(change);
  const found = await installationResource.read(NAMESPACE, ctx(), desired);
  const live =
    found !== undefined && changes.length === 0 ? found : await installationResource.apply(changes, desired, ctx());
  expect(await plan(change)).toEqual([]);
  return { paths: changes.map(({ action, path }) => `${action} ${path}`.trim()), live };
}

const MARKED = "dayzero.dev/installation";

/** An Argo CD that somebody else installed: the objects of the release without the marks of a stack. */
async function installedByOthers(): Promise<void> {
  await up();
  const labels = { "dayzero.dev/stack": null, [MARKED]: null };
  const objects = await everything(MARKED);
  await Promise.all(objects.map((object) => client.mergePatch(referenceOf(object), { metadata: { labels } })));
  await client.delete(RECORD);
}

/** All objects of an installation that carry a label. */
async function everything(labelSelector: string): Promise<KubernetesManifest[]> {
  const kinds = [
    ...["ServiceAccount", "ConfigMap", "Secret", "Service"].map((kind) => ({ apiVersion: "v1", kind })),
    ...["Deployment", "StatefulSet"].map((kind) => ({ apiVersion: "apps/v1", kind })),
    ...["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"].map((kind) => ({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind,
    })),
    { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
    { apiVersion: DEFINITION.apiVersion, kind: DEFINITION.kind },
  ];
  return (await Promise.all(kinds.map((kind) => client.list(kind, { labelSelector })))).flat();
}

/** Nothing of an Argo CD is left, whoever it belongs to. Takes many seconds, so the tests stand in an order that needs it once. */
async function wipe(): Promise<void> {
  const objects = await everything("app.kubernetes.io/part-of=argocd");
  await Promise.all(objects.map((object) => client.delete(referenceOf(object))));
  await client.delete(RECORD);
  const left = () => everything("app.kubernetes.io/part-of=argocd");
  await waitFor("the end of the definitions", async () => (await left()).length === 0, 150);
}

test("installationResource takes over nothing that somebody left, and names it", async () => {
  const labels = { "app.kubernetes.io/part-of": "argocd" };
  const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", name: CONTROLLER.name };
  await client.create({ ...role, metadata: { name: role.name, labels } } as KubernetesManifest);
  await server.mutations();
  await expect(plan()).rejects.toMatchObject({
    code: "ARGOCD_NOT_OWN",
    message: expect.stringContaining(`ClusterRole ${CONTROLLER.name} is there`),
    hint: expect.stringContaining("dayzero.dev/stack: test"),
  });
  await expect(installationResource.apply([], inputsOf(), ctx())).rejects.toMatchObject({ code: "ARGOCD_NOT_OWN" });
  expect((await server.mutations()).filter((request) => !/ (deployments|statefulsets) /.test(request))).toEqual([]);
  await client.delete(role);
});

test("installationResource makes what the release says, ready and marked, and then sends nothing", async () => {
  const { paths, live } = await up();
  expect(paths).toEqual(["create"]);
  expect(live).toMatchObject({ version: "3.6.1", variant: "core", drifted: [], unready: [] });
  expect((await client.get(CONTROLLER))?.metadata.labels).toMatchObject({ "dayzero.dev/stack": "test" });
  expect(await client.list({ apiVersion: "argoproj.io/v1alpha1", kind: "Application" })).toEqual([]);
  await server.mutations();
  expect((await up()).paths).toEqual([]);
  const own = (await server.mutations()).filter((request) => !/ (deployments|statefulsets) /.test(request));
  expect(own).toEqual([]);
  expect(await installationResource.owned("test", ctx())).toEqual([NAMESPACE]);
  expect(await installationResource.owned("other", contextOf("other"))).toEqual([]);
});

test("installationResource undoes what somebody removed or changed", async () => {
  await up();
  await client.delete({ apiVersion: "v1", kind: "Service", namespace: NAMESPACE, name: "argocd-repo-server" });
  const configuration = { apiVersion: "v1", kind: "ConfigMap", namespace: NAMESPACE, name: "argocd-cmd-params-cm" };
  await client.mergePatch(configuration, { data: { theirs: "stays" } });
  const role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    namespace: NAMESPACE,
    name: CONTROLLER.name,
  };
  const { rules } = (await client.get<{ rules: object[] }>(role)) ?? {};
  await client.mergePatch(role, { rules: [] });
  const containers = [{ name: "argocd-repo-server", image: "quay.io/argoproj/argocd:v0.0.1" }];
  await client.request("PATCH", `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${REPO_SERVER.name}`, {
    body: { spec: { template: { spec: { containers } } } },
    contentType: "application/strategic-merge-patch+json",
  });
  expect((await plan())[0]).toMatchObject({
    path: "objects",
    before: expect.stringMatching(/^((Service|Deployment|Role) [a-z-]+(, |$)){3}$/),
  });
  await up();
  expect(JSON.stringify((await client.get(REPO_SERVER))?.spec)).not.toContain("v0.0.1");
  expect((await client.get<{ rules: object[] }>(role))?.rules).toEqual(rules);
  expect(await client.get(configuration)).toMatchObject({ data: { theirs: "stays" } });
});

test("installationResource removes the first administrator's password and proves it; what stays is in the ledger", async () => {
  await up();
  await client.create({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: INITIAL_ADMIN.name, namespace: NAMESPACE },
    data: { password: Buffer.from("canary-of-the-administrator").toString("base64") },
  });
  const secret = { ...INITIAL_ADMIN, name: "argocd-secret" };
  await client.mergePatch(secret, {
    data: { "server.secretkey": Buffer.from("canary-key").toString("base64"), "tls.key": "Y2FuYXJ5" },
  });
  const { paths, live } = await up();
  expect(paths).toEqual(["update credentials"]);
  expect(await client.get(INITIAL_ADMIN)).toBeUndefined();
  expect(installationResource.ledger?.(NAMESPACE, live)).toMatchObject([
    { what: expect.stringContaining("server.secretkey"), where: "Secret argocd/argocd-secret", residual: true },
    { what: expect.stringContaining("tls.key"), where: "Secret argocd/argocd-secret", residual: true },
  ]);
  expect(JSON.stringify(live)).not.toMatch(/canary/);
});

test("installationResource, changed to another variant, removes what only the first one had", async () => {
  await up({ variant: "ha" });
  expect(await client.get({ ...REPO_SERVER, name: "argocd-server" })).toBeDefined();
  await up({ variant: "core" });
  expect(await client.get({ ...REPO_SERVER, name: "argocd-server" })).toBeUndefined();
  expect(await client.get({ ...CONTROLLER, name: "argocd-redis-ha-server" })).toBeUndefined();
});

test("installationResource gives Argo CD the CA of a Git server by its host", async () => {
  const pem = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
  await up({ authorities: { "git.example.org": pem } });
  const map = { apiVersion: "v1", kind: "ConfigMap", namespace: NAMESPACE, name: "argocd-tls-certs-cm" };
  expect((await client.get(map))?.data).toEqual({ "git.example.org": pem });
  expect((await up({})).paths).toEqual(["update version"]);
});

test("installationResource refuses to go back to an older release", async () => {
  const { version } = (await up()).live;
  const run = (tag: string) => {
    const container = { name: "argocd-application-controller", image: `quay.io/argoproj/argocd:v${tag}` };
    return client.request("PATCH", `/apis/apps/v1/namespaces/${NAMESPACE}/statefulsets/${CONTROLLER.name}`, {
      body: { spec: { template: { spec: { containers: [container] } } } },
      contentType: "application/strategic-merge-patch+json",
    });
  };
  await run("3.7.0");
  await expect(plan()).rejects.toMatchObject({ code: "ARGOCD_DOWNGRADE", message: expect.stringContaining("3.7.0") });
  await run(version);
});

test.each([
  ["of its own namespace", NAMESPACE, "theirs", "theirs"],
  ["of any namespace", "team", "team_theirs", "team/theirs"],
])("installationResource hands over to an Application %s that manages it from Git", async (_, home, tracked, seen) => {
  await up();
  await client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: home } });
  await client.apply({ ...APPLICATION, metadata: { name: "theirs", namespace: home } });
  const tracking = `${tracked}:apps/StatefulSet:argocd/argocd-application-controller`;
  await client.mergePatch(CONTROLLER, {
    metadata: { annotations: { "argocd.argoproj.io/tracking-id": tracking } },
    spec: { replicas: 1, minReadySeconds: 3 },
  });
  await client.delete({ apiVersion: "v1", kind: "Service", namespace: NAMESPACE, name: "argocd-metrics" });
  await client.create({ ...INITIAL_ADMIN, metadata: INITIAL_ADMIN, data: {} } as KubernetesManifest);
  await server.mutations();
  const { live } = await up({ authorities: { a: "-----BEGIN CERTIFICATE-----" } });
  expect(live.managedBy).toBe(seen);
  await installationResource.apply([], inputsOf(), ctx());
  const own = (await server.mutations()).filter((request) => !/ (deployments|statefulsets) /.test(request));
  expect(own).toEqual([]);
  expect(await installationResource.stays?.(NAMESPACE, ctx())).toMatchObject({
    note: expect.stringContaining(`"${seen}"`),
  });
  await client.delete(INITIAL_ADMIN);
  // Nobody manages it any more.
  await client.delete({ ...APPLICATION, name: "theirs", namespace: home });
  await client.mergePatch(CONTROLLER, { metadata: { annotations: { "argocd.argoproj.io/tracking-id": null } } });
});

test("installationResource, removed, is gone but for definitions that others have objects of", async () => {
  await up();
  await client.create(APPLICATION);
  await installationResource.remove(NAMESPACE, ctx());
  expect(await everything(MARKED)).toEqual([]);
  expect(await client.get(CONTROLLER)).toBeUndefined();
  expect(await client.get({ ...APPLICATION, ...APPLICATION.metadata })).toBeDefined();
  expect(await client.get({ ...DEFINITION, name: "appprojects.argoproj.io" })).toBeUndefined();
  await installationResource.remove(NAMESPACE, ctx());

  await expect(plan()).rejects.toMatchObject({ code: "ARGOCD_NOT_OWN", hint: expect.stringContaining("label") });
  await client.mergePatch(DEFINITION, { metadata: { labels: { "dayzero.dev/stack": "test" } } });
  expect(await plan()).toEqual([{ action: "create", path: "" }]);
});

test("installationResource goes on with what a crash left", async () => {
  await wipe();
  const stopped = new AbortController();
  const dying = { ...ctx(), signal: stopped.signal, narrate: () => stopped.abort(new Error("killed")) };
  await expect(installationResource.apply([], inputsOf(), dying)).rejects.toThrow();
  expect(await installationResource.owned("test", ctx())).toEqual([NAMESPACE]);
  expect((await up()).paths).toContain("update version");
});

test("installationResource refuses a running Argo CD that it is not told to adopt", async () => {
  await installedByOthers();
  await server.mutations();
  await expect(up()).rejects.toMatchObject({ code: "ARGOCD_NOT_OWN", hint: expect.stringContaining("gitops.adopt") });
  expect((await server.mutations()).filter((request) => /argocd/.test(request))).toEqual([]);
});
