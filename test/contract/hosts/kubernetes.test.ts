import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { loadKubeconfig } from "../../../src/clients/Kubeconfig.ts";
import type { KubernetesClient, KubernetesManifest } from "../../../src/clients/KubernetesClient.ts";
import { type ConvergeOptions, type ConvergeResult, converge } from "../../../src/hosts/converge/converge.ts";
import type { AnyHandler } from "../../../src/hosts/Handler.ts";
import { stackLeaseReference } from "../../../src/hosts/StackLease.ts";
import { objectResource } from "../../../src/resources/kubernetes/ObjectResource.ts";
import { loadResource } from "../../../src/resources/registry.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import type { ObjectSpec } from "../../support/programs/objects.ts";
import { waitFor } from "../../support/waitFor.ts";

let server: ApiServer;
let client: KubernetesClient;

beforeAll(async () => {
  server = await startApiServer(inject("tools"));
  client = server.client();
});

afterAll(async () => {
  await client?.close();
  await server?.stop();
});

function run(
  stack: string,
  objects: readonly ObjectSpec[],
  options: Partial<Pick<ConvergeOptions, "dryRun" | "shared" | "handlers" | "onEvent">> & { kubeconfig?: string } = {},
): Promise<ConvergeResult> {
  const dryRun = options.dryRun ?? false;
  const { signal } = new AbortController();
  return converge({
    stack,
    project: "objects",
    program: join(import.meta.dirname, "../../support/programs/objects.ts"),
    config: {
      "dayzero:kubeconfig": options.kubeconfig ?? server.kubeconfig,
      "dayzero:objects": JSON.stringify(objects),
    },
    dryRun,
    context: {
      stack,
      directory: join(server.directory, stack),
      dryRun,
      signal,
      now: () => new Date(),
      tool: () => [],
      narrate: () => undefined,
      kubernetes: () => cluster(options.kubeconfig),
      vault: () => Promise.reject(new Error("there is none in this test")),
      memory: new Map(),
    },
    shared: options.shared ?? false,
    handlers: options.handlers ?? loadResource,
    types: ["dayzero:kubernetes:Object"],
    onEvent: options.onEvent ?? (() => undefined),
    node: process.execPath,
    environment: { PATH: process.env.PATH ?? "" },
    signal,
    compileCache: join(tmpdir(), `dayzero-test-compiled-${process.getuid?.()}`),
  });
}

/** The stack's own cluster; another one for its own kubeconfig. */
async function cluster(kubeconfig = server.kubeconfig): Promise<KubernetesClient> {
  return kubeconfig === server.kubeconfig ? client : loadKubeconfig(kubeconfig, { environment: {} });
}

function actions(result: ConvergeResult): string[] {
  return result.changes.map(({ action, name }) => `${action} ${name}`).sort();
}

function configMap(name: string, data: Record<string, string>, extra: Partial<ObjectSpec> = {}): ObjectSpec {
  const metadata = { name, namespace: "default" };
  return { name, manifest: { apiVersion: "v1", kind: "ConfigMap", metadata, data }, ...extra };
}

function get(kind: string, name: string, namespace = "default"): ReturnType<KubernetesClient["get"]> {
  return client.get({ apiVersion: "v1", kind, namespace, name });
}

test("converge() makes objects marked as the stack's; a second run sends nothing but its Lease", async () => {
  const objects = [configMap("one", { a: "1" }), configMap("two", { b: "2" }, { dependsOn: "one" })];
  expect(actions(await run("first", objects))).toEqual(["create one", "create two"]);
  expect(await get("ConfigMap", "one")).toMatchObject({
    metadata: { labels: { "dayzero.dev/stack": "first" } },
    data: { a: "1" },
  });

  await server.mutations();
  expect(actions(await run("first", objects))).toEqual(["same one", "same two"]);
  const sent = await server.mutations();
  expect(sent.filter((request) => !request.includes(" leases "))).toEqual([]);
});

test("converge() plans by the server's dry run, then updates what the plan said", async () => {
  await run("plans", [configMap("planned", { a: "1" })]);
  const objects = [configMap("planned", { a: "2" })];
  await server.mutations();
  const plan = await run("plans", objects, { dryRun: true });
  expect(plan.changes[0]?.changes).toEqual([{ action: "update", path: "data.a", before: "1", after: "2" }]);
  expect(await server.mutations()).toEqual([]);
  expect(actions(await run("plans", objects))).toEqual(["update planned"]);
  expect(await get("ConfigMap", "planned")).toMatchObject({ data: { a: "2" } });
});

test("converge() plans everything as new where no cluster answers", async () => {
  for (const kubeconfig of [join(server.directory, "missing"), server.kubeconfig]) {
    const gone = kubeconfig === server.kubeconfig ? { kubeconfig: await unreachable() } : { kubeconfig };
    for (const object of [configMap("x", {}), configMap("x", {}, { provider: "theirs" })]) {
      expect(actions(await run("nowhere", [object], { dryRun: true, ...gone }))).toEqual(["create x"]);
    }
  }
  await expect(
    run("nowhere", [configMap("x", {}, { provider: "theirs" })], { kubeconfig: join(server.directory, "missing") }),
  ).rejects.toMatchObject({
    code: "KUBECONFIG_MISSING",
  });
});

test("converge() refuses an object that it did not make, unless asked to adopt it", async () => {
  await client.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "theirs", namespace: "default" } });
  await expect(run("adopts", [configMap("theirs", { a: "1" })])).rejects.toMatchObject({
    code: "OBJECT_NOT_OWN",
    message: expect.stringContaining('ConfigMap default/theirs exists and was not made by stack "adopts"'),
  });
  const asked = configMap("theirs", { a: "1" });
  Object.assign(asked.manifest.metadata, { annotations: { "dayzero.dev/adopt": "true" } });
  expect(actions(await run("adopts", [asked]))).toEqual(["update theirs"]);
  await expect(run("other", [asked])).rejects.toMatchObject({ message: expect.stringContaining('stack "adopts"') });

  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } };
  await expect(run("adopts", [asked, { name: "ns", manifest: namespace }])).rejects.toMatchObject({
    code: "OBJECT_NOT_OWN",
    message: expect.stringContaining("Namespace default"),
  });
});

test("converge() removes a dropped object, but neither a protected one nor one whose mark was taken away", async () => {
  const kept = configMap("kept", {}, { protect: true });
  await run("drops", [configMap("dropped", {}), configMap("freed", {}), kept]);
  await client.mergePatch(
    { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "freed" },
    { metadata: { labels: { "dayzero.dev/stack": null } } },
  );

  expect(actions(await run("drops", [kept]))).toEqual(["delete core/ConfigMap/default/dropped", "same kept"]);
  expect(await get("ConfigMap", "dropped")).toBeUndefined();
  expect(await get("ConfigMap", "freed")).toBeDefined();
  await expect(run("drops", [])).rejects.toMatchObject({ code: "RESOURCE_PROTECTED" });
  expect(await get("ConfigMap", "kept")).toBeDefined();
});

test("converge() releases a dropped namespace with what is in it, and takes it back only when asked to", async () => {
  const namespace = (annotations: Record<string, string>): ObjectSpec => ({
    name: "alpha",
    manifest: { apiVersion: "v1", kind: "Namespace", metadata: { name: "alpha", annotations } as never },
  });
  await run("releases", [namespace({})]);
  await client.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "theirs", namespace: "alpha" } });

  const plan = await run("releases", [], { dryRun: true });
  expect(actions(plan)).toEqual(["release core/Namespace//alpha"]);
  expect(plan.changes[0]?.changes[0]?.after).toMatch(/^left namespace alpha in place: delete it with kubectl/);
  expect(actions(await run("releases", []))).toEqual(actions(plan));
  expect(await get("ConfigMap", "theirs", "alpha")).toBeDefined();
  const left = await client.get({ apiVersion: "v1", kind: "Namespace", name: "alpha" });
  expect(left?.metadata.deletionTimestamp).toBeUndefined();
  expect(left?.metadata.labels).not.toHaveProperty(["dayzero.dev/stack"]);
  expect(actions(await run("releases", []))).toEqual([]);

  await expect(run("releases", [namespace({})])).rejects.toMatchObject({ code: "OBJECT_NOT_OWN" });
  const adopting = namespace({ "dayzero.dev/adopt": "true" });
  expect(actions(await run("releases", [adopting]))).toEqual(["update alpha"]);
});

test("converge() takes objects of its own, and those of each provider of the same cluster, as of one", async () => {
  const by = (provider: string): ObjectSpec => configMap(`by-${provider}`, {}, { provider });
  const objects = [configMap("by-stack", {}), by("one"), by("other")];
  expect(actions(await run("providers", objects))).toEqual(["create by-one", "create by-other", "create by-stack"]);
  expect(actions(await run("providers", objects))).toEqual(["same by-one", "same by-other", "same by-stack"]);
  expect(actions(await run("providers", objects.slice(1)))).toEqual([
    "delete core/ConfigMap/default/by-stack",
    "same by-one",
    "same by-other",
  ]);
  expect(actions(await run("providers", objects.slice(0, 1)))).toEqual([
    "create by-stack",
    "delete core/ConfigMap/default/by-one",
    "delete core/ConfigMap/default/by-other",
  ]);
  const twice = [configMap("twice", {}), { ...configMap("twice", {}, { provider: "other" }), name: "again" }];
  await expect(run("providers", twice)).rejects.toMatchObject({ code: "IDENTITY_DUPLICATE" });
});

test("converge() hands an object over from a provider to the stack itself, without a change", async () => {
  await run("handover", [configMap("handed", {}, { provider: "theirs" })]);
  expect(actions(await run("handover", [configMap("handed", {})]))).toEqual(["same handed"]);
});

test("converge() marks a protected object of a provider, and takes the mark back", async () => {
  const annotations = async (): Promise<unknown> =>
    ((await get("ConfigMap", "guarded")) as KubernetesManifest | undefined)?.metadata.annotations;
  const guarded = configMap("guarded", {}, { provider: "theirs" });
  await run("guards", [{ ...guarded, protect: true }]);
  expect(await annotations()).toEqual({ "dayzero.dev/protect": "true" });
  await expect(run("guards", [])).rejects.toMatchObject({ code: "RESOURCE_PROTECTED" });
  expect(actions(await run("guards", [guarded]))).toEqual(["update guarded"]);
  expect(await annotations()).toBeUndefined();
  expect(actions(await run("guards", []))).toEqual(["delete core/ConfigMap/default/guarded"]);
});

test("converge() keeps an inventory of names only, and makes a lost one again", async () => {
  const objects = ["a", "b", "c", "d", "e", "f"].map((name) => configMap(`inv-${name}`, { content: "private" }));
  await server.mutations();
  await run("inventory", objects);
  const writes = (await server.mutations()).filter((request) => request.includes("dayzero-inventory-inventory"));
  expect(writes.length).toBeGreaterThan(0);
  expect(writes.length).toBeLessThan(objects.length);

  const name = "dayzero-inventory-inventory";
  const lines = objects.map((object) => `core/ConfigMap/default/${object.name}`);
  const read = async (): Promise<string[] | undefined> => {
    const map = (await get("ConfigMap", name, "dayzero-system")) as { data?: { objects?: string } } | undefined;
    return map?.data?.objects?.trimEnd().split("\n").sort();
  };
  expect(await read()).toEqual(lines);

  await client.delete({ apiVersion: "v1", kind: "ConfigMap", namespace: "dayzero-system", name });
  await run("inventory", objects);
  expect(await read()).toEqual(lines);
});

test("converge() makes a resource of a kind whose CRD it made a moment ago, and replaces what cannot be changed", async () => {
  const crd = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.test.dayzero.dev" },
    spec: {
      group: "test.dayzero.dev",
      scope: "Namespaced",
      names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: {
                spec: {
                  type: "object",
                  properties: {
                    size: {
                      type: "integer",
                      "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "size is immutable" }],
                    },
                  },
                },
              },
            },
          },
        },
      ],
    },
  };
  const widget = (size: number): ObjectSpec => ({
    name: "widget",
    dependsOn: "crd",
    manifest: {
      apiVersion: "test.dayzero.dev/v1",
      kind: "Widget",
      metadata: { name: "w", namespace: "default" } as never,
      spec: { size },
    },
  });
  const definition = { name: "crd", manifest: crd };
  expect(actions(await run("crds", [definition, widget(1)], { dryRun: true }))).toEqual([
    "create crd",
    "create widget",
  ]);
  expect(actions(await run("crds", [definition, widget(1)]))).toEqual(["create crd", "create widget"]);
  expect(actions(await run("crds", [definition, widget(1)]))).toEqual(["same crd", "same widget"]);
  expect(actions(await run("crds", [definition, widget(2)]))).toEqual(["replace widget", "same crd"]);
  expect(actions(await run("crds", []))).toHaveLength(2);
});

test("converge() holds the Lease of a shared stack before the first step, though nothing uses the cluster", async () => {
  const seen: unknown[] = [];
  // As one whose system is another: it never asks for the cluster.
  const elsewhere: AnyHandler = {
    type: "dayzero:kubernetes:Object",
    inputs: objectResource.inputs,
    id: objectResource.id,
    identify: () => "core/ConfigMap/default/elsewhere",
    read: async () => undefined,
    plan: () => [{ action: "create", path: "" }],
    apply: async () => {
      const lease = (await client.get(stackLeaseReference("elsewhere"))) as { spec?: object } | undefined;
      seen.push(lease?.spec);
      return {};
    },
    owned: async () => [],
    remove: async () => undefined,
  };
  await run("elsewhere", [configMap("any", {})], { shared: true, handlers: async () => elsewhere });
  expect(seen).toEqual([expect.objectContaining({ holderIdentity: expect.stringContaining(`/${process.pid}/`) })]);
});

test("converge() never shows a Secret's content, and never hands it to the program", async () => {
  const secret = (value: string): ObjectSpec => ({
    name: "credential",
    provider: "kubernetes",
    manifest: {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "credential", namespace: "default" } as never,
      data: { password: Buffer.from(value).toString("base64") },
    },
  });
  const { provider: _, ...kept } = secret("first");
  await expect(run("secrets", [kept])).rejects.toMatchObject({ message: expect.stringContaining("Pulumi state") });
  await run("secrets", [secret("first")]);
  const plan = await run("secrets", [secret("second")], { dryRun: true });
  expect(plan.changes[0]?.changes).toEqual([
    { action: "update", path: "data.password", before: "[secret]", after: "[secret]" },
  ]);
});

test("converge() waits for an Application to be at the awaited revision, and says what it reports when it fails", async () => {
  await client.apply(applicationDefinition());
  await waitFor("the CRD", async () => (await client.apiVersion("argoproj.io", "Application")) !== undefined);
  const root: ObjectSpec = {
    name: "root",
    manifest: {
      apiVersion: "argoproj.io/v1alpha1",
      kind: "Application",
      metadata: { name: "root", namespace: "default", annotations: { "dayzero.dev/await-revision": "abc" } } as never,
      spec: { source: { repoURL: "https://git", path: "." } },
    },
  };
  const narrated: string[] = [];
  const running = run("apps", [root], {
    onEvent: (event) => {
      if (event.kind === "narration") narrated.push(event.message);
    },
  });
  const report = (status: object): Promise<unknown> => client.mergePatch(reference, { status });
  const reference = { apiVersion: "argoproj.io/v1alpha1", kind: "Application", namespace: "default", name: "root" };
  await waitFor("the Application", async () => (await client.get(reference)) !== undefined);
  const comparedTo = { source: { repoURL: "https://git", path: "." } };
  await report({ sync: { status: "Synced", revision: "old", comparedTo }, health: { status: "Healthy" } });
  await waitFor("the old revision to be seen", () => narrated.some((message) => message.includes("at revision old")));
  await report({ sync: { revision: "abc" } });
  expect(actions(await running)).toEqual(["create root"]);
  expect(actions(await run("apps", [root]))).toEqual(["same root"]);

  await report({ conditions: [{ type: "ComparisonError", message: "authentication required" }] });
  await expect(run("apps", [root])).rejects.toMatchObject({
    code: "OBJECT_NOT_READY",
    message: expect.stringContaining("Application default/root is not ready: ComparisonError: authentication required"),
  });
  expect((await client.get(reference))?.metadata.annotations).toMatchObject({ "argocd.argoproj.io/refresh": "hard" });
});

test("converge() ends when another run takes its Lease, and writes nothing more", async () => {
  await client.apply(applicationDefinition());
  await waitFor("the CRD", async () => (await client.apiVersion("argoproj.io", "Application")) !== undefined);
  const metadata = { name: "endless", namespace: "default" };
  const waiting: ObjectSpec = {
    name: "waiting",
    manifest: { apiVersion: "argoproj.io/v1alpha1", kind: "Application", metadata, spec: {} },
  };
  const name = "dayzero-robbed";
  const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "dayzero-system", name };
  let robbed: Promise<unknown> | undefined;
  const running = run("robbed", [waiting, configMap("after", {}, { dependsOn: "waiting" })], {
    onEvent: (event) => {
      if (event.kind !== "narration") return;
      robbed ??= client.mergePatch(lease, { spec: { holderIdentity: "other-host.00000000/17/1" } });
    },
  });
  await expect(running).rejects.toMatchObject({ code: "LEASE_LOST" });
  await robbed;
  expect(await get("ConfigMap", "after")).toBeUndefined();
});

function applicationDefinition(): KubernetesManifest {
  const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const openAPIV3Schema = { type: "object", properties: { spec: anything, status: anything } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "applications.argoproj.io" },
    spec: {
      group: "argoproj.io",
      scope: "Namespaced",
      names: { plural: "applications", singular: "application", kind: "Application", listKind: "ApplicationList" },
      versions: [{ name: "v1alpha1", served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}

/** A kubeconfig of a port on which nothing listens. */
async function unreachable(): Promise<string> {
  const { readFile, writeFile } = await import("node:fs/promises");
  const path = join(server.directory, "unreachable");
  await writeFile(path, (await readFile(server.kubeconfig, "utf8")).replace(server.url, "https://127.0.0.1:1"));
  return path;
}
