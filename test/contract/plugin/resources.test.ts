import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { freePorts } from "../../../src/machine/freePorts.ts";
import { resourceTypes } from "../../../src/resources/registry.ts";
import { ProviderClient, type Wire } from "../../support/ProviderClient.ts";
import { Platform } from "../git/Platform.ts";

interface Row {
  /** Asked for when the platform is there. */
  readonly inputs: () => Wire;
  /** What an update changes; absent where none of its inputs can change without a replacement. */
  readonly update?: Wire;
  /** The stack has one of it, made by its program: creating it adopts that. */
  readonly only?: true;
  /** Its read answers as before when it was deleted: it is found, never made, or it is the absence of something. */
  readonly remains?: true;
  /** Why nothing more than its check can be shown here. */
  readonly checkOnly?: string;
  /** Code of the error with which it is read once it is gone, while the rest of the platform is there. */
  readonly missedAs?: string;
  /** An import cannot know everything that a program compares it with. */
  readonly importDiffers?: true;
  /** What has to be done before it can be removed. */
  readonly beforeDelete?: () => Promise<unknown>;
}

const GENERATION = "0f0e0d0c-0000-4000-8000-000000000000";
const keys = [0, 1].map(() =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "pem" }),
);
const namespace = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "plugin", namespace: "default" } };

const loopback = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
/** As the program of the platform declares them. */
const etcdLeaves = [
  { name: "server", commonName: "etcd", usages: ["server"], ...loopback },
  { name: "peer", commonName: "etcd-peer", usages: ["server", "client"], ...loopback },
  { name: "kube-apiserver", commonName: "kube-apiserver", usages: ["client"] },
];

let folder: string;
let platform: Platform;
let client: ProviderClient;
let redisPort = 0;

/** A row for each registered type. */
const ROWS: Readonly<Record<string, Row>> = {
  "dayzero:local:Ports": { inputs: () => ({}), only: true },
  "dayzero:local:Authority": {
    inputs: () => ({ name: "etcd", leaves: etcdLeaves }),
    update: { leaves: [...etcdLeaves, { name: "late", commonName: "late", usages: ["client"] }] },
    only: true,
  },
  "dayzero:local:File": {
    inputs: () => ({ path: "etc/plugin.conf", content: "a" }),
    update: { content: "b" },
  },
  "dayzero:local:SecretFile": {
    inputs: () => ({ path: "etc/plugin.secret", template: "{{random:hex:32}}", purpose: "a test" }),
  },
  "dayzero:local:DataFolder": { inputs: () => ({ path: "data/plugin" }) },
  "dayzero:vault:Storage": { inputs: () => ({}), only: true, beforeDelete: () => platform.kill("vault") },
  "dayzero:local:Process": {
    inputs: () => ({
      name: "plugin-redis",
      tool: "redis-server",
      args: ["--bind", "127.0.0.1", "--port", String(redisPort), "--save", ""],
      ready: { kind: "redis", port: redisPort },
    }),
    update: { triggers: ["again"] },
  },
  "dayzero:cluster:Generation": { inputs: () => ({}), only: true, remains: true },
  "dayzero:kubernetes:Object": {
    inputs: () => ({ ...namespace, data: { a: "1" } }),
    update: { data: { a: "2" } },
  },
  "dayzero:cluster:Definitions": {
    inputs: () => ({ name: "plugin", tool: "argocd-crds", files: ["appproject-crd.yaml"] }),
    importDiffers: true,
  },
  "dayzero:vault:ServerCertificate": {
    inputs: () => ({ namespace: "default", secret: "plugin-tls", dnsNames: ["plugin.default.svc"] }),
    update: { dnsNames: ["plugin.default.svc", "plugin"] },
  },
  "dayzero:vault:Initialization": {
    inputs: () => ({
      address: platform.credential.vaultAddress,
      authority: "platform",
      recipients: [],
      shares: 1,
      threshold: 1,
    }),
    only: true,
    missedAs: "VAULT_INITIALIZED_BY_OTHERS",
  },
  "dayzero:vault:Policy": {
    inputs: () => ({
      name: "dayzero-test-git-reader-plugin",
      template: "git-reader",
      values: { repository: "plugin" },
    }),
    update: { values: { repository: "other" } },
  },
  "dayzero:vault:JwtAuth": {
    inputs: () => ({ generation: GENERATION, issuerKeys: [keys[0]], issuer: "https://kubernetes.default.svc" }),
    update: { issuerKeys: [keys[1]] },
  },
  "dayzero:vault:JwtRole": {
    inputs: () => ({
      mount: "jwt-0f0e0d0c",
      name: "plugin",
      subject: "system:serviceaccount:default:plugin",
      audience: "vault",
      policy: "dayzero-test-git-reader-plugin",
      uses: 1,
    }),
    update: { uses: 2 },
  },
  "dayzero:vault:OidcIssuer": { inputs: () => ({ address: platform.credential.vaultAddress }), only: true },
  "dayzero:vault:OidcKey": {
    inputs: () => ({ generation: GENERATION, audiences: ["dayzero/test/git/plugin"] }),
    update: { audiences: ["dayzero/test/git/plugin", "dayzero/test/git/other"] },
  },
  "dayzero:vault:OidcRole": {
    inputs: () => ({
      repository: "plugin",
      generation: GENERATION,
      key: "generation-0f0e0d0c",
      audience: "dayzero/test/git/plugin",
    }),
    update: { audience: "dayzero/test/git/other" },
  },
  "dayzero:vault:RootToken": {
    inputs: () => ({ state: "revoked", address: platform.credential.vaultAddress, mount: platform.credential.mount }),
    only: true,
    remains: true,
  },
  "dayzero:git:Repository": {
    inputs: () => ({ name: "plugin", source: { kind: "scaffold" } }),
    update: { path: "base" },
  },
  "dayzero:gitops:Installation": {
    inputs: () => ({ namespace: "plugin", variant: "core", tool: "argocd-manifests" }),
    checkOnly:
      "the platform has Argo CD's definitions from elsewhere, and no kubelet: its own contract test installs it",
  },
  "dayzero:gitops:RepositoryCredential": { inputs: () => ({ ...platform.credential }), only: true },
  "dayzero:gitops:Handover": {
    inputs: () => ({ namespace: "argocd", secret: "gone", repository: "fleet", url: platform.credential.url }),
    only: true,
    remains: true,
  },
};

const made = new Map<string, { id: string; inputs: Wire }>();

async function start(): Promise<void> {
  const config = { program: "local", state: folder };
  client = await ProviderClient.start({ project: folder, stack: "test", config });
}

async function rowOf(type: string): Promise<Row> {
  const row = ROWS[type];
  if (row === undefined) throw new Error(`${type} has no row in this test`);
  return row;
}

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "dz-wire-")));
  await writeFile(join(folder, "Pulumi.yaml"), "name: fleet\nruntime: nodejs\n");
  await mkdir(join(folder, "test"), { mode: 0o700 });
  [redisPort = 0] = await freePorts(1, new Set());
  platform = await Platform.create(inject("tools"), join(folder, "test"));
  await start();
}, 180_000);

afterAll(async () => {
  await client?.stop();
  await platform?.dispose();
  await rm(folder, { recursive: true, force: true });
}, 120_000);

it("has a row for every registered type, and no other", () => {
  expect(Object.keys(ROWS).sort()).toEqual([...resourceTypes].sort());
});

describe.each(resourceTypes)("%s", (type) => {
  it("is checked, made once though the plugin dies, read, compared, imported and changed", async () => {
    const row = await rowOf(type);
    const inputs = JSON.parse(JSON.stringify(row.inputs())) as Wire;
    expect(await client.check(type, "one", inputs)).toEqual({ inputs, failures: {} });
    if (row.checkOnly !== undefined) return;

    if (row.only === undefined) {
      expect(await client.create(type, "one", inputs, true)).toEqual({ id: "", properties: inputs });
    }
    const first = await client.create(type, "one", inputs);
    expect(first.id).not.toBe("");
    made.set(type, { id: first.id, inputs });
    // The engine never got the answer: it creates again.
    await client.kill();
    await start();
    await client.check(type, "one", inputs);
    const { id, properties: olds } = await client.create(type, "one", inputs);
    expect(id).toBe(first.id);
    expect(olds).toEqual(first.properties);

    const refreshed = await client.read(type, "one", { id, inputs, properties: olds });
    expect(refreshed).toEqual({ id, inputs, properties: olds });
    const unchanged = { changed: false, replaces: [], deleteBeforeReplace: true, detailed: {} };
    expect(await client.diff(type, "one", { id, olds, oldInputs: inputs, news: inputs })).toEqual(unchanged);

    const imported = await client.read(type, "one", { id });
    expect(imported.id).toBe(id);
    for (const [key, value] of Object.entries(imported.inputs)) {
      if (key in inputs) expect(imported.properties).toHaveProperty([key], value);
    }
    if (row.importDiffers === undefined) {
      const of = { id, olds: imported.properties, oldInputs: imported.inputs, news: inputs };
      expect(await client.diff(type, "one", of)).toEqual(unchanged);
    }

    if (row.update === undefined) return;
    const news = JSON.parse(JSON.stringify({ ...inputs, ...row.update })) as Wire;
    const of = { id, olds, oldInputs: inputs, news };
    expect(await client.diff(type, "one", of)).toMatchObject({ changed: true, replaces: [] });
    expect(await client.update(type, "one", { ...of, preview: true })).toEqual(news);
    expect(await client.diff(type, "one", of)).toMatchObject({ changed: true });
    const updated = await client.update(type, "one", of);
    expect(await client.diff(type, "one", { id, olds: updated, oldInputs: news, news })).toEqual(unchanged);
    made.set(type, { id, inputs: news });
  });
});

describe.each([...resourceTypes].reverse())("%s", (type) => {
  it("is deleted, and once more without complaint", async () => {
    const known = made.get(type);
    const row = await rowOf(type);
    if (row.checkOnly !== undefined) return;
    if (known === undefined) throw new Error(`${type} was not made`);
    // A run of its own: what a run made, it does not delete.
    await client.stop();
    await row.beforeDelete?.();
    await start();
    await client.delete(type, "one", known.id);
    await client.delete(type, "one", known.id);
    const read = client.read(type, "one", { id: known.id, inputs: known.inputs });
    if (row.missedAs !== undefined) await expect(read).rejects.toThrow(row.missedAs);
    else expect((await read).id).toBe(row.remains ? known.id : "");
  });
});

describe("the plugin", () => {
  it("tells the engine nothing that is a credential", async () => {
    const told = JSON.stringify(client.logs) + client.stderr;
    expect(told).not.toMatch(/PRIVATE KEY|eyJ[\w-]+\.eyJ|hvs\.|AGE-SECRET-KEY/);
  });
});
