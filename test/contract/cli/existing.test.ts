import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { stringify } from "yaml";
import { down } from "../../../src/cli/commands/down.ts";
import { plan } from "../../../src/cli/commands/plan.ts";
import { status } from "../../../src/cli/commands/status.ts";
import { up } from "../../../src/cli/commands/up.ts";
import type { Run } from "../../../src/cli/Run.ts";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import { Secret } from "../../../src/credentials/Secret.ts";
import { stackLeaseReference } from "../../../src/hosts/StackLease.ts";
import { createAuthority, issueCertificate } from "../../../src/machine/issueCertificate.ts";
import { inventoryReference } from "../../../src/resources/kubernetes/KubernetesInventory.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PROGRAM = join(ROOT, "test", "support", "programs", "ownProject.ts");
const TYPED = "CANARY-typed-on-the-terminal";
const TOLD = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "told" };

let cluster: ApiServer;
let client: KubernetesClient;
let vault: Server;
let ca: string;
let project: string;
let told: string[];
/** Vault answers its login, and nothing else. */
let silent = false;

beforeAll(async () => {
  cluster = await startApiServer(inject("tools"));
  client = cluster.client();
  const validity = { now: new Date(), notAfter: new Date(Date.now() + 3_600_000) };
  const authority = await createAuthority("test", validity);
  const leaf = { commonName: "vault", ipAddresses: ["127.0.0.1"], usages: ["server"] } as const;
  const { certificate, key } = await issueCertificate(leaf, authority, validity);
  ca = authority.certificate;
  // Knows one token, and holds nothing.
  vault = createServer({ cert: certificate, key: key.reveal() }, (request, response) => {
    const known = request.headers["x-vault-token"] === TYPED;
    const found = request.url === "/v1/auth/token/lookup-self";
    if (silent && !found) {
      request.socket.destroy();
      return;
    }
    response.writeHead(known ? (found ? 200 : 404) : 403);
    response.end(JSON.stringify(known && found ? { data: {} } : { errors: [] }));
  });
  vault.listen(0, "127.0.0.1");
  await once(vault, "listening");
});
afterAll(async () => {
  vault?.closeAllConnections();
  vault?.close();
  await client?.close();
  await cluster?.stop();
});

beforeEach(async () => {
  told = [];
  project = await mkdtemp(join(tmpdir(), "dayzero-own-"));
  await mkdir(join(project, "inner"));
  await writeFile(join(project, "Pulumi.yaml"), stringify({ name: "own", runtime: "nodejs", main: PROGRAM }));
  await writeStack({});
});
afterEach(() => rm(project, { recursive: true, force: true }));

/** The cluster's kubeconfig, with an `exec` that finds the person's login in their environment. */
async function writeKubeconfig(): Promise<string> {
  const script = "console.log(JSON.stringify({ status: { token: process.env.CLOUD_LOGIN } }))";
  const config = JSON.parse(await readFile(cluster.kubeconfig, "utf8")) as Record<string, unknown>;
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: process.execPath, args: ["-e", script] };
  const file = join(project, "kubeconfig");
  await writeFile(file, JSON.stringify({ ...config, users: [{ name: "test", user: { exec } }] }));
  return file;
}

async function writeStack(more: Record<string, unknown>): Promise<void> {
  const address = `https://127.0.0.1:${(vault.address() as AddressInfo).port}`;
  const config = {
    "dayzero:program": "existing",
    "dayzero:cluster": { kubeconfig: await writeKubeconfig() },
    "dayzero:vault": { address, ca, login: { method: "token" } },
    "dayzero:repository": { source: "https://git.example.com/team/fleet.git" },
    ...more,
  };
  await writeFile(join(project, "Pulumi.prod.yaml"), stringify({ config }));
}

function run(more: Partial<Run> = {}): Run {
  const { PATH = "", HOME = "" } = process.env;
  return {
    environment: { PATH, HOME, CLOUD_LOGIN: cluster.token },
    workingDirectory: join(project, "inner"),
    program: [process.execPath, join(ROOT, "src", "cli", "dayzero.js")],
    packageDirectory: ROOT,
    narrator: { tell: (event) => told.push(JSON.stringify(event)), close: () => undefined },
    paint: (_style, text) => text,
    columns: undefined,
    signal: new AbortController().signal,
    confirm: async () => true,
    askSecret: async (question) => {
      told.push(question);
      return new Secret(TYPED);
    },
    ...more,
  };
}

async function textOfAll(folder: string): Promise<string> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const read = files
    .filter((file) => file.isFile())
    .map((file) => readFile(join(file.parentPath, file.name), "latin1"));
  return (await Promise.all(read)).join("\n");
}

describe("a stack on a cluster that is there", { timeout: 120_000 }, () => {
  test("goes up by the project's own program, is planned without a change, and is taken off again", async () => {
    const planned = await plan(run(), "prod", {});
    expect(planned.json).toMatchObject({
      changes: [{ type: "dayzero:kubernetes:Object", name: "told", action: "create" }],
    });
    expect(await client.get(TOLD)).toBeUndefined();
    expect(await readdir(join(project, ".dayzero", "prod"))).not.toContain("stack.json");

    const outcome = await up(run(), "prod", {});
    expect(outcome.text).toContain("push        to https://git.example.com/team/fleet.git");
    const { data } = (await client.get(TOLD)) as unknown as { data: Record<string, string> };
    expect(data.source).toBe("https://git.example.com/team/fleet.git");
    expect(data.seen).toMatch(/^HOME (LANG |NODE_\w+ |TMPDIR |TZ )*PATH/);
    expect(data.seen).not.toContain("CLOUD_LOGIN");
    expect(await readdir(join(project, ".dayzero", "prod"))).toContain("stack.json");
    const again = await plan(run(), "prod", {});
    expect(again.text).toMatch(/^stack prod: nothing to change\n\nthe Git server has to trust\n/);
    // A Vault whose owner says nothing of an issuer.
    const address = `https://127.0.0.1:${(vault.address() as AddressInfo).port}`;
    const oldest = await client.get<{ metadata: { uid: string } }>({
      apiVersion: "v1",
      kind: "Namespace",
      name: "kube-system",
    });
    const gitTrust = {
      issuer: `${address}/v1/identity/oidc`,
      keys: `${address}/v1/identity/oidc/.well-known/keys`,
      audience: "dayzero/prod/git/fleet",
      repository: "fleet",
      generation: oldest?.metadata.uid,
    };
    expect([planned.json, outcome.json, again.json]).toEqual(Array(3).fill(expect.objectContaining({ gitTrust })));
    for (const value of Object.values(gitTrust)) expect(outcome.text).toContain(`  ${value}\n`);

    // What a person typed is with nobody else, nor is the login that their kubeconfig finds.
    expect(told.filter((line) => line.includes("token for vault at"))).toHaveLength(3);
    const left = `${await textOfAll(project)} ${told.join()} ${JSON.stringify([outcome, planned, data])}`;
    expect(left).toContain("fleet.git");
    expect(left).not.toContain(TYPED);
    expect(left).not.toContain(cluster.token);

    const other = { ...TOLD, name: "other" };
    const { name, namespace, ...kind } = other;
    await client.create({ ...kind, metadata: { name, namespace } });
    const gone = await down(run(), "prod", {});
    expect(gone.json).toMatchObject({
      removed: expect.arrayContaining(["dayzero:kubernetes:Object core/ConfigMap/default/told"]),
    });
    expect(gone.json).toMatchObject({ kept: [expect.stringContaining("dayzero-system")] });
    expect(await client.get(TOLD)).toBeUndefined();
    expect(await client.get(other)).toBeDefined();
    expect(
      await client.list({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "dayzero-system" }),
    ).toEqual([]);
    expect(await readdir(join(project, ".dayzero"))).toEqual([]);
    expect((await down(run(), "prod", {})).text).toBe("stack prod: nothing to remove\n");
  });

  test("status asks the live system, nobody for a token, and knows of no processes", async () => {
    const { exitCode, json, text } = await status(
      run({ askSecret: () => Promise.reject(new Error("asked")) }),
      "prod",
      {},
    );
    expect(exitCode).toBe(1);
    expect(json).toMatchObject({ healthy: false, processes: [] });
    expect(text).toContain(`export KUBECONFIG=${join(project, "kubeconfig")}`);
    expect(text).not.toContain("PROCESS");
    expect(await readdir(project)).not.toContain(".dayzero");
  });

  test("down does nothing unless it is confirmed, and unless every system answers", async () => {
    await up(run(), "prod", {});
    await expect(down(run({ confirm: async () => false }), "prod", {})).rejects.toMatchObject({
      code: "NOT_CONFIRMED",
    });
    await expect(down(run({ askSecret: undefined }), "prod", {})).rejects.toMatchObject({
      code: "VAULT_LOGIN_FAILED",
      hint: expect.stringContaining("jwt or kubernetes"),
    });
    await writeStack({ "dayzero:cluster": { kubeconfig: "gone" } });
    await expect(down(run(), "prod", {})).rejects.toMatchObject({
      code: "KUBECONFIG_MISSING",
      hint: expect.stringMatching(/^correct dayzero:cluster\.kubeconfig/),
    });
    expect(await client.get(TOLD)).toBeDefined();
    await writeStack({});
    await down(run(), "prod", {});
  });

  test("down ends where objects were deleted by hand, and leaves neither inventory nor Lease", async () => {
    await up(run(), "prod", {});
    await client.delete(TOLD);
    await down(run(), "prod", {});
    expect(await client.get(inventoryReference("prod"))).toBeUndefined();
    expect(await client.get(stackLeaseReference("prod"))).toBeUndefined();
  });

  test("down does not take a Vault that fell silent for an empty one", async () => {
    await up(run(), "prod", {});
    silent = true;
    try {
      await expect(down(run(), "prod", {})).rejects.toMatchObject({
        code: "VAULT_UNREACHABLE",
        hint: "see that it runs at that address, and is reached from here",
      });
    } finally {
      silent = false;
    }
    expect(await client.get(TOLD)).toBeDefined();
    await down(run(), "prod", {});
    expect(await client.get(TOLD)).toBeUndefined();
  });

  test("down of a Vault in the cluster asks it nothing, and keeps its volumes with the shares that open them", async () => {
    const address = "https://127.0.0.1:1";
    await writeStack({
      "dayzero:vault": { address, install: { namespace: "bao", replicas: 1, seal: { type: "shamir" } } },
    });
    await up(run(), "prod", {});
    const shares = join(project, ".dayzero", "prod", "vault", "shares.age.json");
    await mkdir(dirname(shares), { recursive: true });
    await writeFile(shares, "{}");
    const claim = { apiVersion: "v1", kind: "PersistentVolumeClaim" };
    const volume = { name: "data-openbao-0", namespace: "bao" };
    const size = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
    await client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "bao" } });
    await client.create({ ...claim, metadata: volume, spec: size });

    const { json } = await down(run(), "prod", {});

    expect(json).toMatchObject({
      kept: expect.arrayContaining([expect.stringContaining("persistentvolumeclaim bao/data-openbao-0"), shares]),
    });
    expect(await client.get(TOLD)).toBeUndefined();
    await client.mergePatch({ ...claim, ...volume }, { metadata: { finalizers: null } });
    await client.delete({ ...claim, ...volume });
    await up(run(), "prod", {});
    await down(run(), "prod", {});
    expect(await readdir(join(project, ".dayzero"))).toEqual([]);
  });

  test("plan says who refused, in place of planning everything anew", async () => {
    const environment = { ...run().environment, CLOUD_LOGIN: "CANARY-wrong" };
    await expect(plan(run({ environment }), "prod", {})).rejects.toMatchObject({ code: "CLUSTER_REFUSED" });
    const asked = plan(run({ askSecret: async () => new Secret("CANARY-wrong") }), "prod", {});
    await expect(asked).rejects.toMatchObject({
      code: "VAULT_LOGIN_FAILED",
      message: expect.not.stringContaining("CANARY"),
    });
  });

  test("refuses --repo and names the setting that takes its place", async () => {
    await expect(up(run(), "prod", { repo: "/mine" })).rejects.toThrow("set config.dayzero:repository.source");
  });
});
