import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { type RequestOptions, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { loadKubeconfig } from "../../../src/clients/Kubeconfig.ts";
import { Cluster } from "../../../src/components/Cluster.ts";
import {
  adminCredential,
  certificateCredential,
  tokenCredential,
} from "../../../src/daemons/identity/execCredential.ts";
import { mintClientCertificate } from "../../../src/machine/mintClientCertificate.ts";
import { writeFileAtomic } from "../../../src/machine/writeFileAtomic.ts";
import type { GenerationLive } from "../../../src/resources/cluster/GenerationResource.ts";
import type { ProcessInputs } from "../../../src/resources/local/ProcessInputs.ts";
import { type ProcessLive, processResource } from "../../../src/resources/local/ProcessResource.ts";
import type { Context } from "../../../src/resources/Resource.ts";
import { listeners } from "../../support/listeners.ts";
import { type Converged, convergeHere, localContext } from "../../support/localContext.ts";
import { waitFor } from "../../support/waitFor.ts";

const PROCESSES = ["etcd", "identity-broker", "kube-apiserver", "kube-controller-manager"];
/** The order in which they go down without waiting for each other. */
const DOWN = ["identity-broker", "kube-controller-manager", "kube-apiserver", "etcd"];

let root: string;
let directory: string;
let ctx: Context & { close(): Promise<void> };
let first: Converged[];
let ports: Record<string, number>;

const up = () => convergeHere(() => void new Cluster("cluster", {}), ctx);
const liveOf = (converged: readonly Converged[], type: string, id: string) =>
  converged.find((one) => one.type === type && one.id === id)?.live;
const processOf = (converged: readonly Converged[], name: string) =>
  liveOf(converged, "dayzero:local:Process", name) as ProcessLive;

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "dz-cluster-")));
  directory = join(root, "state", "test");
  const home = join(root, "poisoned-home");
  await writeFileAtomic(join(home, ".kube/config"), "this is: [no kubeconfig");
  process.env.HOME = home;
  process.env.KUBECONFIG = join(home, ".kube/config");
  process.env.DAYZERO_CANARY = "must-not-be-inherited";
  ctx = localContext(directory, { tools: inject("tools") });
  const started = performance.now();
  first = await up();
  process.stdout.write(`cluster ready from nothing in ${Math.round(performance.now() - started)} ms\n`);
  ports = (liveOf(first, "dayzero:local:Ports", "ports") as { ports: Record<string, number> }).ports;
}, 120_000);

afterAll(async () => {
  await ctx.close();
  for (const name of DOWN) await processResource.remove(name, ctx);
  await rm(root, { recursive: true, force: true });
});

/** Status of a GET with exactly this TLS identity; rejects when the handshake or the connection fails. */
function get(url: string, options: RequestOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, ...options }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on("error", reject);
    sent.end();
  });
}
const pki = (file: string) => readFile(join(directory, "pki", file), "utf8");

async function broker(body: object): Promise<{ status: number; body: Record<string, string> }> {
  return new Promise((resolve, reject) => {
    const socketPath = join(directory, "run/identity.sock");
    const sent = httpRequest({ socketPath, method: "POST", path: "/token", agent: false }, async (response) => {
      let text = "";
      for await (const chunk of response) text += String(chunk);
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Record<string, string> });
    });
    sent.on("error", reject);
    sent.end(JSON.stringify(body));
  });
}

test("Cluster, brings up a control plane from nothing, and every part of it is ready", async () => {
  for (const name of PROCESSES) expect(processOf(first, name)).toMatchObject({ name, ready: true });
  const kubernetes = await ctx.kubernetes();
  const account = { apiVersion: "v1", kind: "ServiceAccount", namespace: "dayzero-system", name: "git-reader" };
  expect(await kubernetes.get(account)).toBeDefined();
  await waitFor("the default service account, which a controller makes", async () =>
    Boolean(await kubernetes.get({ ...account, name: "default" })),
  );
});

test("Cluster, converged again, changes and starts nothing", async () => {
  const started = performance.now();
  const again = await up();
  process.stdout.write(`cluster converged again in ${Math.round(performance.now() - started)} ms\n`);
  expect(again.flatMap((one) => one.changes)).toEqual([]);
  for (const name of PROCESSES) expect(processOf(again, name)).toEqual(processOf(first, name));
});

test("generationResource, tells this life of the cluster and keys that verify its tokens", async () => {
  const live = liveOf(first, "dayzero:cluster:Generation", "generation") as GenerationLive;
  expect(live.generation).toBe(live.uid.slice(0, 8));
  const { body } = await broker({ namespace: "dayzero-system", name: "git-reader", audience: "vault" });
  const { createPublicKey } = await import("node:crypto");
  const { jwtVerify } = await import("jose");
  expect(live.publicKeys).toHaveLength(1);
  const key = createPublicKey(live.publicKeys[0] ?? "");
  const { payload } = await jwtVerify(body.token ?? "", key, { issuer: live.issuer, audience: "vault" });
  expect(payload.sub).toBe("system:serviceaccount:dayzero-system:git-reader");
});

test("kube-apiserver, refuses a request without a credential, and one whose certificate it did not sign", async () => {
  const url = `https://127.0.0.1:${ports["kube-apiserver"]}`;
  const ca = await pki("kubernetes/ca.crt");
  for (const path of ["/api/v1/namespaces", "/version", "/openid/v1/jwks", "/readyz"]) {
    expect(await get(`${url}${path}`, { ca }), path).toBe(401);
  }
  const etcdClient = { cert: await pki("etcd/kube-apiserver.crt"), key: await pki("etcd/kube-apiserver.key") };
  expect(await get(`${url}/api/v1/namespaces`, { ca, ...etcdClient })).toBe(401);
  const server = { cert: await pki("kubernetes/kube-apiserver.crt"), key: await pki("kubernetes/kube-apiserver.key") };
  expect(await get(`${url}/api/v1/namespaces`, { ca, ...server })).toBe(401);
});

test("etcd, refuses clients and peers without its own authority's certificate", async () => {
  const ca = await pki("etcd/ca.crt");
  const own = { cert: await pki("etcd/kube-apiserver.crt"), key: await pki("etcd/kube-apiserver.key") };
  const health = `https://127.0.0.1:${ports.etcd}/health`;
  expect(await get(health, { ca, ...own })).toBe(200);
  await expect(get(health, { ca })).rejects.toThrow(/certificate required|bad certificate|alert|ECONNRESET|EPIPE/i);
  const { certificate, key } = await mintClientCertificate(directory, "administrator");
  const administrator = { cert: certificate, key: key.reveal() };
  await expect(get(health, { ca, ...administrator })).rejects.toThrow(
    /unknown ca|bad certificate|alert|ECONNRESET|EPIPE/i,
  );
  const peer = `https://127.0.0.1:${ports["etcd-peer"]}/version`;
  await expect(get(peer, { ca })).rejects.toThrow(/certificate required|bad certificate|alert|ECONNRESET|EPIPE/i);
  await expect(get(peer, { ca, ...administrator })).rejects.toThrow();
  const log = await readFile(join(directory, "logs/etcd.log"), "utf8");
  expect(log).toMatch(/rejected connection on peer endpoint/);
});

test("kube-controller-manager, tells a stranger no more than that it is well", async () => {
  const url = `https://127.0.0.1:${ports["kube-controller-manager"]}`;
  const ca = await pki("kubernetes/ca.crt");
  expect(await get(`${url}/healthz`, { ca })).toBe(200);
  expect([401, 403]).toContain(await get(`${url}/metrics`, { ca }));
  expect([401, 403]).toContain(await get(`${url}/configz`, { ca }));
});

test("kube-controller-manager, works under its own name, its controllers under theirs, and never as administrator", async () => {
  const audit = await readFile(join(directory, "logs/audit.log"), "utf8");
  const events = audit
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { user: { username: string; groups?: string[] }; userAgent?: string });
  const manager = events.filter((event) => event.userAgent?.startsWith("kube-controller-manager"));
  const names = new Set(manager.map((event) => event.user.username));
  expect(names).toContain("system:kube-controller-manager");
  expect(names).toContain("system:serviceaccount:kube-system:generic-garbage-collector");
  expect(manager.filter((event) => event.user.groups?.includes("system:masters"))).toEqual([]);
});

test("kube-apiserver, encrypts Secrets where etcd stores them", async () => {
  const kubernetes = await ctx.kubernetes();
  const name = "canary";
  const stringData = { value: "canary-in-a-secret" };
  await kubernetes.create({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "default" }, stringData });
  const metadata = { name, namespace: "default" };
  await kubernetes.create({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { value: "canary-in-the-open" } });
  const holds = async (text: string) => {
    const matches = promisify(execFile)("grep", ["-rlaF", text, join(directory, "data/etcd")]);
    return matches
      .then(() => true)
      .catch((error: { code?: number }) => (error.code === 1 ? false : Promise.reject(error)));
  };
  expect(await holds("canary-in-the-open")).toBe(true);
  expect(await holds("canary-in-a-secret")).toBe(false);
  expect(await holds("k8s:enc:secretbox:v1:day-zero")).toBe(true);
});

test("kube-apiserver, writes who did what to the audit log, and no secret", async () => {
  const read = () => readFile(join(directory, "logs/audit.log"), "utf8");
  await waitFor("the Secret's creation in the audit log", async () =>
    (await read())
      .split("\n")
      .some((line) => line.includes('"verb":"create"') && line.includes('"resource":"secrets"')),
  );
  const text = await read();
  expect(text).toContain('"username":"dayzero:administrator"');
  expect(text).not.toContain("canary-in-a-secret");
  expect(text).not.toContain('"stage":"RequestReceived"');
});

test("identity broker, gives out tokens that say who and to whom, for ten minutes", async () => {
  const { status, body } = await broker({ namespace: "dayzero-system", name: "git-reader", audience: "vault" });
  expect(status).toBe(200);
  const claims = JSON.parse(Buffer.from(body.token?.split(".")[1] ?? "", "base64url").toString()) as Record<
    string,
    unknown
  >;
  expect(claims).toMatchObject({ sub: "system:serviceaccount:dayzero-system:git-reader", aud: ["vault"] });
  expect(Number(claims.exp) - Number(claims.iat)).toBe(600);
  expect(new Date(body.expirationTimestamp ?? "").getTime()).toBe(Number(claims.exp) * 1000);
  const again = await broker({ namespace: "dayzero-system", name: "git-reader", audience: "vault" });
  expect(again.body.token).toBe(body.token);
});

test.each([
  ["an account that is not on its list", { namespace: "dayzero-system", name: "operator" }, 403],
  ["a listed name in another namespace", { namespace: "kube-system", name: "git-reader" }, 403],
  ["an audience that is not granted", { namespace: "dayzero-system", name: "git-reader", audience: "elsewhere" }, 403],
  ["a token for a day", { namespace: "dayzero-system", name: "git-reader", expirationSeconds: 86_400 }, 400],
  ["a question that names nobody", {}, 400],
])("identity broker, refuses %s", async (_what, body, status) => {
  const answer = await broker(body);
  expect(answer.status).toBe(status);
  expect(answer.body.token).toBeUndefined();
});

test("identity broker, could not mint for others even if its list were longer: the API server refuses", async () => {
  const { certificate, key } = await mintClientCertificate(directory, "identity-broker");
  const { KubernetesClient } = await import("../../../src/clients/KubernetesClient.ts");
  const client = new KubernetesClient({
    server: `https://127.0.0.1:${ports["kube-apiserver"]}`,
    ca: await pki("kubernetes/ca.crt"),
    credential: async () => ({ certificate, key }),
  });
  const wish = { namespace: "dayzero-system", expirationSeconds: 600 };
  await expect(client.serviceAccountToken({ ...wish, name: "git-reader" })).resolves.toBeDefined();
  await expect(client.serviceAccountToken({ ...wish, name: "operator" })).rejects.toMatchObject({ status: 403 });
  await expect(client.list({ apiVersion: "v1", kind: "Secret" })).rejects.toMatchObject({ status: 403 });
  await client.close();
});

test("identity broker, told to end, takes its socket with it", async () => {
  await processResource.remove("identity-broker", ctx);
  expect(existsSync(join(directory, "run/identity.sock"))).toBe(false);
  const again = await up();
  const { mode } = await stat(join(directory, "run/identity.sock"));
  expect(mode & 0o777).toBe(0o600);
  expect(again.filter((one) => one.changes.length > 0).map((one) => one.id)).toEqual(["identity-broker"]);
  first = again;
});

test("tokenCredential(), answers an exec plugin's caller, and says what to do when no broker listens", async () => {
  const account = { namespace: "dayzero-system", name: "git-reader" };
  const credential = await tokenCredential({ directory, ...account });
  expect(credential).toMatchObject({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential" });
  await expect(tokenCredential({ directory: root, ...account })).rejects.toMatchObject({
    code: "IDENTITY_BROKER_FAILED",
    message: expect.stringContaining("does not answer"),
  });
  await expect(tokenCredential({ directory, ...account, name: "operator" })).rejects.toMatchObject({
    code: "IDENTITY_BROKER_FAILED",
    message: expect.stringContaining("403: service account dayzero-system/operator is not on the list"),
  });
});

test("adminCredential(), mints a certificate of ten minutes that no file holds", async () => {
  const { status } = await adminCredential({ directory });
  if (!("clientCertificateData" in status)) throw new Error("not a certificate");
  const certificate = new X509Certificate(status.clientCertificateData);
  expect(certificate.validToDate.getTime() - certificate.validFromDate.getTime()).toBeLessThanOrEqual(600_000);
  expect(certificate.validToDate.toISOString().slice(0, 19)).toBe(status.expirationTimestamp.slice(0, 19));
  const manager = await certificateCredential({ directory, identity: "kube-controller-manager" });
  expect(manager.status).not.toHaveProperty("token");
  const files = await promisify(execFile)("grep", [
    "-rlaF",
    // Compiled code names who it can sign for.
    "--exclude-dir=compile",
    "dayzero:administrator",
    join(directory, "pki"),
    join(directory, "run"),
    join(directory, "tmp"),
  ]).catch((error: { code?: number }) => ({ stdout: `exit ${error.code}` }));
  expect(files.stdout).toBe("exit 1");
});

test("the stack's kubeconfig, holds no credential and works through its exec command", async () => {
  const text = await readFile(join(directory, "kubeconfig"), "utf8");
  expect(text).not.toMatch(/client-key|client-certificate|"token"|password/);
  const client = loadKubeconfig(join(directory, "kubeconfig"));
  expect((await client.list({ apiVersion: "v1", kind: "Namespace" })).length).toBeGreaterThan(3);
  await client.close();
});

test("every file and folder of the stack, is its owner's alone", async () => {
  const names = await readdir(directory, { recursive: true });
  const wide: string[] = [];
  for (const name of [".", ...names]) {
    const { mode } = await stat(join(directory, name)).catch(() => ({ mode: 0 }));
    if ((mode & 0o077) !== 0) wide.push(`${name} ${(mode & 0o777).toString(8)}`);
  }
  expect(wide).toEqual([]);
});

test("every process, listens on loopback only", async () => {
  const pids = PROCESSES.map((name) => processOf(first, name).pid);
  const found = await listeners(pids);
  expect(found.map((listener) => listener.port).sort()).toEqual(
    [ports.etcd, ports["etcd-peer"], ports["kube-apiserver"], ports["kube-controller-manager"]].sort(),
  );
  expect(new Set(found.map((listener) => listener.address))).toEqual(new Set(["127.0.0.1"]));
});

test("every process, has no secret in its arguments or environment, and nothing of the person's", async () => {
  const secrets: string[] = [];
  for (const name of await readdir(join(directory, "pki"), { recursive: true })) {
    if (name.endsWith(".key")) secrets.push((await pki(name)).split("\n")[1] ?? "");
  }
  const encryption = await readFile(join(directory, "etc/encryption.json"), "utf8");
  secrets.push(/"secret":"([^"]{40,})"/.exec(encryption)?.[1] ?? "");
  expect(secrets.length).toBeGreaterThan(10);
  for (const name of PROCESSES) {
    const { pid } = processOf(first, name);
    const seen = (await readFile(`/proc/${pid}/cmdline`, "utf8")) + (await readFile(`/proc/${pid}/environ`, "utf8"));
    for (const secret of secrets) expect(seen.includes(secret), `${name} shows a key`).toBe(false);
    expect(seen).not.toContain("DAYZERO_CANARY");
    expect(seen).not.toContain("poisoned-home");
    expect(seen).toContain(`HOME=${directory}/home`);
  }
  expect(await readdir(join(root, "poisoned-home"), { recursive: true })).toEqual([".kube", ".kube/config"]);
});

test.each(["etcd", "kube-apiserver", "kube-controller-manager", "identity-broker"])(
  "%s, killed, is started again with everything that was written, and the rest is left alone",
  async (name) => {
    const before = await up();
    const kubernetes = await ctx.kubernetes();
    const metadata = { name: `before-${name}`, namespace: "default" };
    await kubernetes.create({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { written: "yes" } });
    process.kill(processOf(before, name).pid, "SIGKILL");
    await waitFor("its end", async () => (await processResource.read(name, ctx)) === undefined);
    const after = await up();
    for (const other of PROCESSES) {
      expect(processOf(after, other).ready).toBe(true);
      const same = processOf(after, other).pid === processOf(before, other).pid;
      expect(same, other).toBe(other !== name);
    }
    const found = await kubernetes.get<{ data: object }>({ apiVersion: "v1", kind: "ConfigMap", ...metadata });
    expect(found?.data).toEqual({ written: "yes" });
    expect((await broker({ namespace: "dayzero-system", name: "git-reader" })).status).toBe(200);
  },
);

test("Cluster, killed between writing down what to start and starting it, starts it in the next run", async () => {
  const name = "kube-controller-manager";
  const spec = JSON.parse(await readFile(join(directory, `run/${name}.json`), "utf8")) as ProcessInputs;
  await processResource.remove(name, ctx);
  await writeFile(join(directory, `run/${name}.json`), JSON.stringify(spec), { mode: 0o600 });
  expect(existsSync(join(directory, `run/${name}.pid`))).toBe(false);
  expect(processOf(await up(), name)).toMatchObject({ ready: true });
});

test("Cluster, with every process killed at once, comes back with everything that was written", async () => {
  const before = await up();
  for (const name of PROCESSES) process.kill(processOf(before, name).pid, "SIGKILL");
  await waitFor("their end", async () => {
    const found = await Promise.all(PROCESSES.map((name) => processResource.read(name, ctx)));
    return found.every((one) => one === undefined);
  });
  const after = await up();
  expect(liveOf(after, "dayzero:cluster:Generation", "generation")).toEqual(
    liveOf(before, "dayzero:cluster:Generation", "generation"),
  );
  const canary = { apiVersion: "v1", kind: "Secret", namespace: "default", name: "canary" };
  const secret = await (await ctx.kubernetes()).get<{ data: { value: string } }>(canary);
  expect(Buffer.from(secret?.data.value ?? "", "base64").toString()).toBe("canary-in-a-secret");
});
