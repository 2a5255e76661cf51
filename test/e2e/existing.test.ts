import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SignJWT } from "jose";
import { Agent, request } from "undici";
import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import type { KubernetesClient, KubernetesManifest } from "../../src/clients/KubernetesClient.ts";
import { installation } from "../../src/manifests/argocd/installation.ts";
import type { Manifest } from "../../src/manifests/argocd/Manifest.ts";
import { ArgoCd } from "../contract/argocd/ArgoCd.ts";
import { TokenIssuer } from "../contract/vault/TokenIssuer.ts";
import { VaultStack } from "../contract/vault/VaultStack.ts";
import { type ApiServer, startApiServer } from "../support/apiserver.ts";
import { GatedForge } from "../support/GatedForge.ts";
import { standInForKubelet } from "../support/kubeletStandIn.ts";
import { finish, Stack } from "../support/Stack.ts";
import { waitFor } from "../support/waitFor.ts";

const NAME = "existing-one";
const AUDIENCE = `dayzero/${NAME}/git/fleet`;
const MAIN = fileURLToPath(new URL("../../stacks/main.ts", import.meta.url));
const POLICIES = { "ci-operator": "external-operator", [`dayzero.${NAME}.git-reader`]: "git-reader" };
const OLD_TOKEN = "canary-of-a-personal-access-token";
const OLD_SECRET = { apiVersion: "v1", kind: "Secret", namespace: "argocd", name: "repo-of-old" };
const NEW_SECRET = { apiVersion: "v1", kind: "Secret", namespace: "argocd", name: "repo-fleet" };
const APPLICATION = { apiVersion: "argoproj.io/v1alpha1", kind: "Application", namespace: "argocd", name: "root" };
const REPO_SERVER = { apiVersion: "apps/v1", kind: "Deployment", namespace: "argocd", name: "argocd-repo-server" };
const THEIRS = { ...APPLICATION, name: "theirs" };
const AGENT = { apiVersion: "v1", kind: "ConfigMap", namespace: "dayzero-system", name: "dayzero-agent-fleet" };
const ENTRY = fileURLToPath(new URL("../../src/cli/dayzero.js", import.meta.url));
const BYSTANDER = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "bystander" };
const COLOUR = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "colour", namespace: "default" } };

let server: ApiServer;
let client: KubernetesClient;
let vault: VaultStack;
let forge: GatedForge;
let stack: Stack;
let directory: string;
let argocd: ArgoCd | undefined;
let agent: ChildProcess | undefined;
const end = new AbortController();
let standIn: Promise<void>;

/** A cluster, a Vault and a Git server that are there before the stack, each a real program of its own. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "existing-"));
  [server, forge] = await Promise.all([
    startApiServer(inject("tools")),
    GatedForge.create({ "colour.yaml": stringify({ ...COLOUR, data: { colour: "blue" } }) }),
  ]);
  client = server.client();
  await client.create({ ...BYSTANDER, metadata: BYSTANDER, data: {} } as KubernetesManifest);
  standIn = standInForKubelet(client, end.signal);
  vault = await VaultStack.create(inject("tools").bao ?? "", new TokenIssuer());
  await vault.server();
  await vault.initialization();
  await configureVault();
  stack = await Stack.create(NAME);
  await writeFile(
    join(stack.root, "Pulumi.yaml"),
    stringify({ name: "fleet", runtime: { name: "nodejs", options: { typescript: false } }, main: MAIN }),
  );
});

afterEach(async () => {
  await stopAgent();
  await argocd?.stop();
  argocd = undefined;
});

afterAll(async () => {
  end.abort();
  await standIn;
  await stack?.dispose();
  await forge?.dispose();
  await vault?.down();
  await client?.close();
  await server?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

/** What the owner of a Vault does: a login for CI, its policy, and who Vault says it is. */
async function configureVault(): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const owner = await vault.context.vault();
  await owner.write("sys/auth/ci", { type: "jwt" });
  const keys = [publicKey.export({ type: "spki", format: "pem" })];
  await owner.write("auth/ci/config", { jwt_validation_pubkeys: keys, bound_issuer: "https://ci.example.org" });
  for (const [name, file] of Object.entries(POLICIES)) {
    const text = await readFile(new URL(`../../bootstrap/vault/${file}.hcl`, import.meta.url), "utf8");
    await owner.write(`sys/policies/acl/${name}`, { policy: text.replaceAll(/\$\{stack\}/g, NAME) });
  }
  const role = { role_type: "jwt", user_claim: "sub", bound_audiences: ["vault"], token_policies: ["ci-operator"] };
  await owner.write("auth/ci/role/dayzero", role);
  await owner.write("identity/oidc/config", { issuer: vault.address });
  const token = await new SignJWT({ iss: "https://ci.example.org", sub: "pipeline", aud: "vault" })
    .setProtectedHeader({ alg: "RS256" })
    .setIssuedAt()
    .setExpirationTime("2h")
    .sign(privateKey);
  await writeFile(join(directory, "ci-token"), token, { mode: 0o600 });
  const ca = await readFile(vault.layout.pki("platform", "ca.crt"), "utf8");
  const dispatcher = new Agent({ connect: { ca } });
  const issuer = `${vault.address}/v1/identity/oidc`;
  const keysOf = async () => (await request(`${issuer}/.well-known/keys`, { dispatcher })).body.json() as never;
  forge.oidc = { issuer, audience: AUDIENCE, keys: keysOf };
}

/** Writes the stack's file. */
async function configure(change: { gitops?: object; role?: string } = {}): Promise<void> {
  const login = { method: "jwt", mount: "ci", role: change.role ?? "dayzero", tokenFile: join(directory, "ci-token") };
  const ca = await readFile(vault.layout.pki("platform", "ca.crt"), "utf8");
  const config = {
    "dayzero:program": "existing",
    "dayzero:cluster": { kubeconfig: server.kubeconfig },
    "dayzero:vault": { address: vault.address, ca, login },
    "dayzero:repository": { name: "fleet", source: forge.url, branch: "main", ca: forge.ca },
    "dayzero:gitops": change.gitops ?? { variant: "core" },
  };
  await writeFile(join(stack.root, `Pulumi.${NAME}.yaml`), stringify({ config }));
}

/** Starts Argo CD's processes as soon as the cluster has been told to run them: what a kubelet does. */
async function runArgoCd(): Promise<void> {
  await waitFor("Argo CD's workloads", async () => (await client.get(REPO_SERVER)) !== undefined, 120);
  const account = { namespace: "argocd", name: "argocd-application-controller" };
  const { token } = await client.serviceAccountToken({ ...account, expirationSeconds: 3600 });
  const kubeconfig = JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "in-cluster",
    contexts: [{ name: "in-cluster", context: { cluster: "c", user: "u", namespace: "argocd" } }],
    clusters: [
      {
        name: "c",
        cluster: { server: server.url, "certificate-authority-data": Buffer.from(server.ca).toString("base64") },
      },
    ],
    users: [{ name: "u", user: { token: token.reveal() } }],
  });
  const folder = await mkdtemp(join(directory, "argocd-"));
  // What a kubelet mounts of argocd-tls-certs-cm.
  const map = { apiVersion: "v1", kind: "ConfigMap", namespace: "argocd", name: "argocd-tls-certs-cm" };
  const { data = {} } = (await client.get<{ data?: Record<string, string> }>(map)) ?? {};
  await mkdir(join(folder, "etc/argocd/tls"), { recursive: true });
  for (const [host, pem] of Object.entries(data)) await writeFile(join(folder, "etc/argocd/tls", host), pem);
  process.stderr.write(
    "stand-in: Argo CD's processes are started by the test, with the arguments of an embedded stack\n",
  );
  argocd = new ArgoCd(folder, inject("tools"));
  await argocd.link(["argocd", "kustomize"]);
  await argocd.start(kubeconfig);
}

async function changes(): Promise<unknown[]> {
  const { changes = [] } = await stack.json<{ changes?: unknown[] }>("plan");
  return changes;
}

test("up with a Vault that refuses the login ends in one clear error and leaves nothing behind", async () => {
  await configure({ role: "nobody" });
  await server.mutations();
  const refused = await stack.run("up");
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/cannot log in to vault at .* as role "nobody"/);
  expect(refused.stderr.match(/hint/g)?.length).toBe(1);
  const made = await server.mutations();
  expect(made.filter((done) => /argocd|service-account|customresource/.test(done))).toEqual([]);
}, 120_000);

test("up installs Argo CD and reconciles the repository; again it changes nothing; down leaves what it did not make", async () => {
  await configure();
  const running = runArgoCd();
  const [up] = await Promise.all([stack.run("up"), running]);
  expect(up.stderr).not.toMatch(/canary/);
  expect(up.code, up.stderr).toBe(0);
  const application = await client.get<{ status: { sync: { status: string }; health: { status: string } } }>(
    APPLICATION,
  );
  expect(application?.status).toMatchObject({ sync: { status: "Synced" }, health: { status: "Healthy" } });
  expect(await client.get({ ...COLOUR, ...COLOUR.metadata })).toMatchObject({ data: { colour: "blue" } });

  await server.mutations();
  expect(await changes()).toEqual([]);
  const again = await stack.run("up");
  expect(again.code, again.stderr).toBe(0);
  const written = await server.mutations();
  expect(written.filter((done) => !/ (leases|deployments|statefulsets|applications) /.test(done))).toEqual([]);

  await expectAudit();

  await argocd?.stop();
  const down = await stack.run("down", "--yes");
  expect(down.code, down.stderr).toBe(0);
  expect(await client.get(REPO_SERVER)).toBeUndefined();
  expect(await client.get(NEW_SECRET)).toBeUndefined();
  expect(await client.get(BYSTANDER)).toBeDefined();
  expect(await client.get({ ...COLOUR, ...COLOUR.metadata })).toBeDefined();
  const owner = await vault.context.vault();
  expect(await owner.list("identity/oidc/role")).toEqual([]);
  expect(Object.keys((await owner.read<object>("sys/auth")) ?? {})).toEqual(expect.arrayContaining(["ci/"]));
  expect(await owner.read("identity/oidc/config")).toMatchObject({ issuer: vault.address });
}, 600_000);

/** Nothing is violated; what a login of this policy and this kind of server do not show is said. */
async function expectAudit(): Promise<void> {
  const finished = await stack.run("audit", "--json");
  const { checks } = JSON.parse(finished.stdout) as { checks: { id: string; verdict: string; evidence: string[] }[] };
  // The etcd of this test's cluster lies in a temporary folder of this machine, unencrypted.
  const violated = checks.filter(({ id, verdict }) => verdict === "violated" && id !== "temporary-files");
  expect(violated, finished.stderr).toEqual([]);
  const told = (id: string) => checks.find((check) => check.id === id)?.evidence.join("\n");
  const hidden = checks.filter(({ verdict }) => verdict !== "proved").map(({ id }) => id);
  expect(hidden, finished.stdout).toEqual(expect.arrayContaining(["audit-device", "credential-scope", "vault-root"]));
  const shown = ["repository-secrets", "service-account-tokens", "renewal-margin", "controller-rbac", "trusted-keys"];
  for (const id of [...shown, "vault-roles"]) expect(hidden, told(id)).not.toContain(id);
  expect(told("vault-root")).toMatch(/takes list and sudo on auth\/token\/accessors/);
  expect(told("audit-device")).toMatch(/takes read and sudo on sys\/audit/);
  expect(told("credential-scope")).toMatch(/a push to \S+ is refused/);
  expect(told("vault-roles")).toMatch(/auth\/ci \(jwt\) is not the stack's/);
  expect(told("controller-rbac")).toMatch(
    /argocd-application-controller: everything, as ClusterRoleBinding \S+ declares/,
  );
}

test("up takes over an Argo CD that reads Git with a personal access token, with no failed fetch, killed in the middle", async () => {
  await installByHand();
  forge.oldToken = OLD_TOKEN;
  await client.create({
    ...OLD_SECRET,
    metadata: { ...OLD_SECRET, labels: { "argocd.argoproj.io/secret-type": "repository" } },
    stringData: { type: "git", url: forge.url, username: "person", password: OLD_TOKEN },
  } as unknown as KubernetesManifest);
  await runArgoCd();
  await applicationOfOthers();
  await configure({ gitops: { adopt: OLD_SECRET.name, agentImage: `dayzero@sha256:${"0".repeat(64)}` } });
  const before = await client.get(REPO_SERVER);
  const prober = probe();
  const watcher = watchApplication();

  const { oidc } = forge;
  forge.oidc = undefined;
  const refused = await stack.run("up");
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/cannot read .*fleet\.git with credential/);
  expect(await client.get(OLD_SECRET)).toBeDefined();
  expect(await client.get(NEW_SECRET)).toBeUndefined();

  forge.oidc = oidc;
  const child = stack.spawn("up");
  const ended = finish(child);
  await waitFor("the new credential", async () => (await client.get(NEW_SECRET)) !== undefined, 180);
  child.kill("SIGKILL");
  await ended;

  const [up] = await Promise.all([stack.run("up"), runAgent()]);
  expect(up.code, up.stderr).toBe(0);
  expect(up.stderr).toMatch(/revoke the token/);
  expect(await client.get(OLD_SECRET)).toBeUndefined();
  // From here on the old token is worth nothing: all rests on the agent.
  forge.oldToken = undefined;

  const owner = await vault.context.vault();
  const [role = ""] = await owner.list("identity/oidc/role");
  const settings = (await owner.read<{ ttl: number }>(`identity/oidc/role/${role}`)) ?? { ttl: 600 };
  await owner.write(`identity/oidc/role/${role}`, { ...settings, ttl: "9s" });
  await stopAgent();
  await runAgent();
  const short = await epoch();
  await waitFor("renewals of a credential that lives for seconds", async () => (await epoch()) >= short + 3, 60);
  await owner.write(`identity/oidc/role/${role}`, settings);
  const last = await epoch();
  await waitFor("a credential that lives longer", async () => (await epoch()) > last, 60);

  const { asked, failures, seconds } = await prober.stop();
  const { compared, troubles } = await watcher.stop();
  process.stdout.write(
    `across the adoption: ${asked} probes in ${Math.round(seconds)} s, failed: ${failures.length}; ${compared} comparisons by Argo CD, failed: ${troubles.length}\n`,
  );
  expect(failures).toEqual([]);
  expect(asked / seconds).toBeGreaterThan(8);
  expect(troubles).toEqual([]);
  expect(compared).toBeGreaterThan(10);
  const secrets = await client.list({ apiVersion: "v1", kind: "Secret", namespace: "argocd" });
  expect(Buffer.from(secrets.map((secret) => decoded(secret)).join("\n")).toString()).not.toContain(OLD_TOKEN);
  expect(up.stdout + up.stderr).not.toContain(OLD_TOKEN);
  expect((await client.get(REPO_SERVER))?.metadata.uid).toBe(before?.metadata.uid);
  expect(await client.get(APPLICATION)).toBeUndefined();
  expect(await changes()).toEqual([]);
  const { healthy, ledger } = await stack.json<{ healthy: boolean; ledger: { what: string }[] }>("status");
  expect(healthy).toBe(true);
  expect(ledger.map(({ what }) => what).join()).toContain(OLD_SECRET.name);
}, 900_000);

/** What a kubelet does with the agent's pod: its tokens and its file, and the real program. */
async function runAgent(): Promise<void> {
  await waitFor("the agent's configuration", async () => (await client.get(AGENT)) !== undefined, 180);
  const { data } = (await client.get<{ data: Record<string, string> }>(AGENT)) ?? { data: {} };
  const folder = await mkdtemp(join(directory, "agent-"));
  const at = (name: string) => join(folder, name);
  await mkdir(at("identity"));
  const account = { namespace: "dayzero-system", name: `git-reader-${NAME}`, expirationSeconds: 3600 };
  const tokens = { token: {}, "vault-token": { audiences: ["vault"] } };
  for (const [name, wish] of Object.entries(tokens)) {
    const { token } = await client.serviceAccountToken({ ...account, ...wish });
    await writeFile(at(`identity/${name}`), token.reveal(), { mode: 0o600 });
  }
  await writeFile(at("identity/ca.crt"), server.ca);
  const configuration = JSON.parse(data["agent.json"] ?? "") as object;
  // A pod finds the API server by the cluster's DNS, which is not here.
  await writeFile(at("agent.json"), JSON.stringify({ ...configuration, server: server.url }));
  process.stderr.write(
    "stand-in: the agent's process is started by the test, with the configuration that its pod mounts\n",
  );
  const args = ["--config", at("agent.json"), "--identity", at("identity"), "--heartbeat", at("heartbeat.json")];
  agent = spawn(process.execPath, [ENTRY, "agent", ...args], { stdio: "ignore", env: {} });
}

async function stopAgent(): Promise<void> {
  const child = agent;
  agent = undefined;
  if (child === undefined || child.exitCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exited;
}

async function epoch(): Promise<number> {
  return Number((await client.get(NEW_SECRET))?.metadata.annotations?.["dayzero.dev/epoch"]);
}

/** An Application that was there before the stack, over the same repository. */
async function applicationOfOthers(): Promise<void> {
  const { apiVersion, namespace, name } = THEIRS;
  const everything = { group: "*", kind: "*" };
  const destination = { server: "https://kubernetes.default.svc", namespace: "default" };
  await client.apply({
    apiVersion,
    kind: "AppProject",
    metadata: { name: "default", namespace },
    spec: {
      sourceRepos: ["*"],
      destinations: [{ server: "*", namespace: "*" }],
      clusterResourceWhitelist: [everything],
    },
  });
  await client.apply({
    apiVersion,
    kind: "Application",
    metadata: { name, namespace },
    spec: {
      project: "default",
      destination,
      source: { repoURL: forge.url, targetRevision: "main", path: "." },
      syncPolicy: { automated: {} },
    },
  });
  await waitFor("the Application of others", async () => (await statusOfTheirs())?.sync?.status === "Synced", 120);
}

interface StatusOfTheirs {
  readonly reconciledAt?: string;
  readonly sync?: { readonly status?: string };
  readonly conditions?: readonly { readonly type?: string; readonly message?: string }[];
}

async function statusOfTheirs(): Promise<StatusOfTheirs | undefined> {
  return (await client.get<{ status?: StatusOfTheirs }>(THEIRS))?.status;
}

/** Has Argo CD fetch and compare again and again, past its caches, and counts what it says went wrong. */
function watchApplication(): { stop(): Promise<{ compared: number; troubles: string[] }> } {
  const stopped = new AbortController();
  const seen = new Set<string>();
  const troubles = new Set<string>();
  const running = (async () => {
    while (!stopped.signal.aborted) {
      const annotations = { "argocd.argoproj.io/refresh": "hard" };
      await client.mergePatch(THEIRS, { metadata: { annotations } });
      await delay(500, undefined, { signal: stopped.signal }).catch(() => undefined);
      const { reconciledAt, sync, conditions = [] } = (await statusOfTheirs()) ?? {};
      if (reconciledAt !== undefined) seen.add(reconciledAt);
      if (sync?.status !== "Synced") troubles.add(`sync: ${sync?.status}`);
      for (const { type, message } of conditions) if (/Error$/.test(type ?? "")) troubles.add(`${type}: ${message}`);
    }
  })().catch((error: unknown) => void troubles.add(String(error)));
  return {
    async stop() {
      stopped.abort();
      await running;
      return { compared: seen.size, troubles: [...troubles] };
    },
  };
}

/** Argo CD as somebody else installed it. */
async function installByHand(): Promise<void> {
  const text = await readFile(join(inject("tools")["argocd-manifests"] ?? "", "core-install.yaml"), "utf8");
  const release = parseAllDocuments(text).map((document) => document.toJSON() as Manifest);
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } };
  await client.apply(namespace);
  const authorities = { [new URL(forge.url).hostname]: forge.ca };
  for (const object of installation(release, { namespace: "argocd", authorities })) await client.apply(object);
}

function decoded({ data, metadata }: KubernetesManifest): string {
  const values = Object.values((data ?? {}) as Record<string, string>);
  const texts = values.map((value) => Buffer.from(value, "base64").toString());
  return [...texts, JSON.stringify(metadata)].join("\n");
}

/** Ten times a second: the credential as Argo CD takes it from the Secrets of the URL, either of them, and `ls-remote` with it. */
function probe(): { stop(): Promise<{ asked: number; failures: string[]; seconds: number }> } {
  const stopped = new AbortController();
  const failures: string[] = [];
  let asked = 0;
  const since = performance.now();
  const dispatcher = new Agent({ connect: { ca: forge.ca } });
  const one = async (turn: number): Promise<void> => {
    const labelSelector = "argocd.argoproj.io/secret-type=repository";
    const secrets = await client.list({ apiVersion: "v1", kind: "Secret", namespace: "argocd" }, { labelSelector });
    const chosen = secrets[turn % secrets.length]?.data as Record<string, string> | undefined;
    const value = (key: string) => Buffer.from(chosen?.[key] ?? "", "base64").toString();
    const basic = Buffer.from(`${value("username")}:${value("password")}`).toString("base64");
    const answer = await request(`${forge.url}/info/refs?service=git-upload-pack`, {
      dispatcher,
      headers: { authorization: `Basic ${basic}` },
    });
    await answer.body.dump();
    asked++;
    if (answer.statusCode !== 200) failures.push(`${value("username")}: ${answer.statusCode}`);
  };
  const running = (async () => {
    const under: Promise<void>[] = [];
    for (let turn = 0; !stopped.signal.aborted; turn++) {
      under.push(one(turn).catch((error: unknown) => void failures.push(String(error))));
      // By the clock: a machine that was busy makes up for it.
      const pause = Math.max(0, since + 100 * (turn + 1) - performance.now());
      await delay(pause, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
    await Promise.all(under);
  })();
  return {
    async stop() {
      stopped.abort();
      await running;
      await dispatcher.destroy();
      return { asked, failures, seconds: (performance.now() - since) / 1000 };
    },
  };
}
