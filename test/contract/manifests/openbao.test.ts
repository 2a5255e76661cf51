import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import { VaultClient } from "../../../src/clients/VaultClient.ts";
import { Secret } from "../../../src/credentials/Secret.ts";
import { freePorts } from "../../../src/machine/freePorts.ts";
import { createAuthority, issueCertificate } from "../../../src/machine/issueCertificate.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import type { OpenBaoSpec, Seal } from "../../../src/manifests/openbao/OpenBaoSpec.ts";
import { openBaoConfiguration } from "../../../src/manifests/openbao/openBaoConfiguration.ts";
import { nodeName, PATHS } from "../../../src/manifests/openbao/openBaoNames.ts";
import type { Context } from "../../../src/resources/Resource.ts";
import { initializationResource } from "../../../src/resources/vault/InitializationResource.ts";
import { readInitialRootToken } from "../../../src/resources/vault/initialRootToken.ts";
import { waitFor } from "../../support/waitFor.ts";
import { openBaoSpec, SEALS } from "./openBaoSpecs.ts";

/** A node as a pod would run it: its paths are in a folder of its own, its name stands for a port of this machine. */
interface Node {
  readonly folder: string;
  readonly port: number;
  readonly clusterPort: number;
  readonly name: string;
}

const bao = () => inject("tools").bao as string;
let root: string;
let ca: string;
const running = new Map<string, ChildProcess>();

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dz-openbao-"));
  const validity = { now: new Date(), notAfter: new Date(Date.now() + 86_400_000) };
  const authority = await createAuthority("openbao-tls authority", validity);
  const leaf = { commonName: "openbao-tls", ipAddresses: ["127.0.0.1"], usages: ["server"] } as const;
  const { certificate, key } = await issueCertificate(leaf, authority, validity);
  ca = authority.certificate;
  await mkdir(join(root, "tls"));
  const files = { "ca.crt": ca, "tls.crt": certificate, "tls.key": key.reveal() };
  for (const [name, content] of Object.entries(files)) await writeFile(join(root, "tls", name), content);
});

afterAll(async () => {
  await Promise.all([...running.keys()].map(kill));
  await rm(root, { recursive: true, force: true });
});

async function makeNodes(spec: OpenBaoSpec): Promise<Node[]> {
  const ports = await freePorts(spec.replicas * 2, new Set());
  const nodes = Array.from({ length: spec.replicas }, (_, ordinal) => ({
    folder: join(root, `${spec.seal.type}-${ordinal}`),
    port: ports[2 * ordinal] as number,
    clusterPort: ports[2 * ordinal + 1] as number,
    name: `openbao-${ordinal}`,
  }));
  for (const node of nodes) {
    for (const folder of ["data", "audit", "plugins"])
      await mkdir(join(node.folder, folder), { recursive: true, mode: 0o700 });
    let text = openBaoConfiguration(spec);
    for (const [ordinal, { port }] of nodes.entries()) {
      text = text.replaceAll(`${nodeName(spec.namespace, ordinal)}:8200`, `127.0.0.1:${port}`);
    }
    const places = [
      [PATHS.plugins, join(node.folder, "plugins")],
      [PATHS.data, join(node.folder, "data")],
      // All nodes declare the same device, as in the cluster, where each has a volume of its own at the same path.
      [PATHS.audit, "audit"],
      [PATHS.tls, join(root, "tls")],
      ["[::]:8200", `127.0.0.1:${node.port}`],
      ["[::]:8201", `127.0.0.1:${node.clusterPort}`],
    ] as const;
    for (const [place, here] of places) text = text.replaceAll(`"${place}`, `"${here}`);
    await writeFile(join(node.folder, "server.json"), text);
  }
  return nodes;
}

/** What the StatefulSet puts into a node's environment. */
function environmentOf(node: Node): Record<string, string> {
  return {
    BAO_RAFT_NODE_ID: node.name,
    BAO_API_ADDR: `https://127.0.0.1:${node.port}`,
    BAO_CLUSTER_ADDR: `https://127.0.0.1:${node.clusterPort}`,
    HOME: node.folder,
  };
}

function start(node: Node, environment: Record<string, string> = {}): void {
  const child = spawn(bao(), ["server", `-config=${node.folder}/server.json`], {
    stdio: "ignore",
    cwd: node.folder,
    env: { ...environmentOf(node), ...environment },
  });
  running.set(node.folder, child);
}

async function kill(folder: string): Promise<void> {
  const child = running.get(folder);
  running.delete(folder);
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}

async function withNode<T>(node: Node, ask: (client: VaultClient) => Promise<T>): Promise<T> {
  const client = new VaultClient({ address: `https://127.0.0.1:${node.port}`, ca });
  return ask(client).finally(() => client.close());
}

const isOpen = (node: Node) =>
  withNode(node, async (client) => {
    const { initialized, sealed } = await client.health();
    return initialized && !sealed;
  });

/** The stack that installs it; of its cluster it needs the Secret with the authority. */
async function contextFor(name: string): Promise<Context> {
  const directory = join(root, `stack-${name}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const secret = { data: { "ca.crt": Buffer.from(ca).toString("base64") } };
  return {
    stack: "test",
    directory,
    dryRun: false,
    signal: AbortSignal.timeout(100_000),
    now: () => new Date(),
    tool: () => [],
    narrate: () => undefined,
    kubernetes: async () => ({ get: async () => secret }) as unknown as KubernetesClient,
    vault: () => Promise.reject(new Error("nobody logs in here")),
    memory: new Map(),
  };
}

/** What a run of `up` does about the initialization. */
async function initialize(node: Node, autoUnseal: boolean, ctx: Context) {
  const inputs = initializationResource.inputs.parse({
    address: `https://127.0.0.1:${node.port}`,
    authority: "openbao/openbao-tls",
    autoUnseal,
    recipients: [],
    shares: 3,
    threshold: 2,
  });
  const id = initializationResource.identify(inputs);
  const changes = initializationResource.plan(await initializationResource.read(id, ctx), inputs);
  const live = changes.length === 0 ? undefined : await initializationResource.apply(changes, inputs, ctx);
  const left = initializationResource.plan(await initializationResource.read(id, ctx), inputs);
  return { changes, live, left };
}

async function diagnose(node: Node): Promise<string> {
  const options = { cwd: node.folder, env: environmentOf(node) };
  const run = promisify(execFile)(bao(), ["operator", "diagnose", `-config=${node.folder}/server.json`], options);
  const { stdout } = await run.catch((error: unknown) => error as { stdout: string });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  return stdout.replaceAll(/\u001b\[\d+m/g, "");
}

// A cloud's seal needs its plugin and the cloud: what is seen here is that the real server understands all of it and goes for that plugin.
test.each(SEALS.map((seal) => [seal.type, seal] as const))(
  "openBaoConfiguration() with seal %s is understood by the real server",
  async (type, seal) => {
    const [node] = await makeNodes(openBaoSpec(seal));
    const said = await diagnose(node as Node);
    for (const check of ["Parse Configuration", "Check KMS Plugin Catalog", "Create Storage Backend"]) {
      expect(said).toContain(`[ success ] ${check}`);
    }
    expect(said).not.toMatch(/unknown|invalid (key|stanza)|unsupported/i);
    if (type === "shamir") expect(said).toContain("[ success ] Finalize Shamir Seal");
    else if (type === "transit") expect(said).toMatch(/Error configuring seal "transit":.*vault\.example\.com/);
    else {
      expect(said).toMatch(
        new RegExp(`Error configuring seal "${type}": .*plugins/kms-${type}-v0\\.1\\.0: no such file`),
      );
    }
  },
);

test("the real server finds fault with a configuration whose seal nobody provides", async () => {
  const seal = { ...(SEALS[2] as Exclude<Seal, { type: "shamir" }>) };
  delete (seal as { plugin?: unknown }).plugin;
  const [node] = await makeNodes({ ...openBaoSpec(seal), namespace: "without-plugin" });
  expect(await diagnose(node as Node)).toMatch(/\[ failure \] Create Vault Server Configuration Seals/);
});

test("one node with shamir: initialized, and unsealed again by the next run after it was killed", async () => {
  const [node] = (await makeNodes(openBaoSpec({ type: "shamir" }))) as [Node];
  const ctx = await contextFor("shamir");
  // The run is there before the pod.
  const initialized = initialize(node, false, ctx);
  start(node);
  expect(await initialized).toMatchObject({
    changes: [{ action: "create" }],
    live: { sealed: false, autoUnseal: false, shares: 3, threshold: 2 },
    left: [],
  });
  await kill(node.folder);
  start(node);
  await waitFor("its answer", () => withNode(node, async (client) => (await client.health()).sealed));
  expect(await initialize(node, false, ctx)).toMatchObject({ changes: [{ path: "sealed" }], left: [] });
  expect(await isOpen(node)).toBe(true);
  expect(await readFile(join(node.folder, "audit", "audit.log"), "utf8")).not.toBe("");
});

test("three nodes with a transit seal: one initialization opens all, a killed one comes back by itself, nothing is kept in clear", async () => {
  const [port = 0] = await freePorts(1, new Set());
  const token = "seal-token-of-this-test";
  const sealer = spawn(bao(), ["server", "-dev", `-dev-listen-address=127.0.0.1:${port}`, "-dev-no-store-token"], {
    stdio: "ignore",
    env: { HOME: root, BAO_DEV_ROOT_TOKEN_ID: token },
  });
  running.set("sealer", sealer);
  const address = `http://127.0.0.1:${port}`;
  const ask = (path: string, body: object) =>
    fetch(`${address}/v1/${path}`, { method: "POST", headers: { "x-vault-token": token }, body: JSON.stringify(body) });
  await waitFor("the seal's Vault", async () => (await ask("sys/mounts/transit", { type: "transit" })).ok);
  await waitFor("the seal's key", async () => (await ask("transit/keys/unseal", {})).ok);

  const seal: Seal = { type: "transit", settings: { address, key_name: "unseal", mount_path: "transit/" }, egress: [] };
  const nodes = await makeNodes(openBaoSpec(seal));
  const environment = { VAULT_TOKEN: token };
  for (const node of nodes) start(node, environment);
  const [first, second] = nodes as [Node, Node];
  const ctx = await contextFor("transit");
  expect(await initialize(first, true, ctx)).toMatchObject({
    changes: [{ action: "create" }],
    live: { sealed: false, autoUnseal: true, shares: 3, threshold: 2 },
    left: [],
  });
  await waitFor("all nodes", async () => (await Promise.all(nodes.map(isOpen))).every(Boolean));

  const opened = await readInitialRootToken(new StackLayout(ctx.directory), ctx.memory);
  if (opened.state !== "open") throw new Error(`the root token is ${opened.state}`);
  const peers = async (node: Node) =>
    withNode(node, async (client) => {
      const configuration = await client
        .withToken(opened.token)
        .read<{ config: { servers: { node_id: string; voter: boolean }[] } }>("sys/storage/raft/configuration");
      return configuration?.config.servers.filter(({ voter }) => voter).map(({ node_id }) => node_id);
    });
  await waitFor("three voters", async () => (await peers(second))?.length === 3);
  expect((await peers(second))?.sort()).toEqual(["openbao-0", "openbao-1", "openbao-2"]);

  await kill(first.folder);
  await waitFor("another leader", async () => (await peers(second))?.length === 3);
  start(first, environment);
  await waitFor("the node that was killed", () => isOpen(first));
  // It may be a standby now: that is no difference.
  expect(await initialize(first, true, ctx)).toMatchObject({ changes: [], left: [] });

  const secrets = [opened.token, new Secret(token)].map((secret) => secret.reveal());
  for (const folder of [ctx.directory, ...nodes.map((node) => node.folder)]) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const content = await readFile(join(entry.parentPath, entry.name), "latin1");
      for (const secret of secrets) expect([entry.name, content.includes(secret)]).toEqual([entry.name, false]);
    }
  }
}, 120_000);
