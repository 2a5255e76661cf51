import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SignJWT } from "jose";
import { Agent, request } from "undici";
import { stringify } from "yaml";
import type { KubernetesClient } from "../../src/clients/KubernetesClient.ts";
import type { VaultClient } from "../../src/clients/VaultClient.ts";
import { ArgoCd } from "../contract/argocd/ArgoCd.ts";
import { TokenIssuer } from "../contract/vault/TokenIssuer.ts";
import { VaultStack } from "../contract/vault/VaultStack.ts";
import { type ApiServer, startApiServer } from "../support/apiserver.ts";
import { GatedForge } from "../support/GatedForge.ts";
import { standInForKubelet } from "../support/kubeletStandIn.ts";
import { Shim } from "../support/Shim.ts";
import { type Finished, Stack } from "../support/Stack.ts";
import { waitFor } from "../support/waitFor.ts";

const MAIN = fileURLToPath(new URL("../../stacks/main.ts", import.meta.url));
const POLICIES = { "ci-operator": "external-operator", "git-reader": "git-reader" };
const WORKLOADS = { apiVersion: "apps/v1", kind: "Deployment", namespace: "argocd", name: "argocd-repo-server" };
const CI = "https://ci.example.org";

/** What reads a Secret with its credential. */
export const REPOSITORY_SECRET = { apiVersion: "v1", kind: "Secret", namespace: "argocd", name: "repo-fleet" };

/**
 * A cluster, a Vault and a Git server that were there before the stack, each a real program with a {@link Shim} in front of it, and a stack
 * that knows the shims only.
 */
export class ExistingPlatform {
  readonly cluster: Shim;
  readonly vault: Shim;
  readonly git: Shim;
  readonly stack: Stack;
  readonly forge: GatedForge;
  /** Past the shim, as its administrator. */
  readonly client: KubernetesClient;
  /** Of everything that commands said. */
  readonly said: string[] = [];
  readonly #directory: string;
  readonly #tools: Record<string, string>;
  readonly #server: ApiServer;
  readonly #vaultStack: VaultStack;
  readonly #ciKey = generateKeyPairSync("rsa", { modulusLength: 2048 });
  readonly #end = new AbortController();
  #standIn: Promise<void> = Promise.resolve();
  #argocd: ArgoCd | undefined;

  private constructor(made: {
    directory: string;
    tools: Record<string, string>;
    server: ApiServer;
    vaultStack: VaultStack;
    forge: GatedForge;
    shims: readonly [cluster: Shim, vault: Shim, git: Shim];
    stack: Stack;
  }) {
    this.#directory = made.directory;
    this.#tools = made.tools;
    this.#server = made.server;
    this.#vaultStack = made.vaultStack;
    this.forge = made.forge;
    [this.cluster, this.vault, this.git] = made.shims;
    this.stack = made.stack;
    this.client = made.server.client();
  }

  static async create(tools: Record<string, string>, name: string): Promise<ExistingPlatform> {
    const directory = await mkdtemp(join(tmpdir(), "faults-"));
    const vaultStack = await VaultStack.create(tools.bao ?? "", new TokenIssuer());
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "colour", namespace: "default" } };
    const [server, forge] = await Promise.all([
      startApiServer(tools),
      GatedForge.create({ "colour.yaml": stringify({ ...map, data: { colour: "blue" } }) }),
      vaultStack.server().then(() => vaultStack.initialization()),
    ]);
    const vaultCa = await readFile(vaultStack.layout.pki("platform", "ca.crt"), "utf8");
    const shims = await Promise.all([
      Shim.before(server.url, server.ca),
      Shim.before(vaultStack.address, vaultCa),
      Shim.before(new URL(forge.url).origin, forge.ca),
    ] as const);
    const stack = await Stack.create(name);
    const platform = new ExistingPlatform({ directory, tools, server, vaultStack, forge, shims, stack });
    await platform.#configureVault(vaultCa);
    platform.#standIn = standInForKubelet(platform.client, platform.#end.signal);
    await platform.configure(stack);
    return platform;
  }

  async dispose(): Promise<void> {
    this.#end.abort();
    await this.#standIn;
    await this.#argocd?.stop();
    await this.stack.dispose();
    await Promise.all([this.cluster.stop(), this.vault.stop(), this.git.stop()]);
    await this.forge.dispose();
    await this.#vaultStack.down();
    await this.client.close();
    await this.#server.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  get shims(): readonly Shim[] {
    return [this.cluster, this.vault, this.git];
  }

  /** Vault past the shim, as its owner. */
  owner(): Promise<VaultClient> {
    return this.#vaultStack.context.vault();
  }

  /** Writes a project for the stack; another one of the same name stands for another person's. */
  async configure(stack: Stack): Promise<void> {
    const kubeconfig = JSON.parse(await readFile(this.#server.kubeconfig, "utf8")) as Record<string, unknown>;
    const cluster = {
      server: this.cluster.url,
      "certificate-authority-data": Buffer.from(this.cluster.ca).toString("base64"),
    };
    const file = join(stack.root, "kubeconfig");
    await writeFile(file, JSON.stringify({ ...kubeconfig, clusters: [{ name: "test", cluster }] }));
    const login = { method: "jwt", mount: "ci", role: "dayzero", tokenFile: join(this.#directory, "ci-token") };
    const config = {
      "dayzero:program": "existing",
      "dayzero:cluster": { kubeconfig: file },
      "dayzero:vault": { address: this.vault.url, ca: this.vault.ca, login },
      "dayzero:repository": { name: "fleet", source: `${this.git.url}/fleet.git`, branch: "main", ca: this.git.ca },
      "dayzero:gitops": { variant: "core" },
    };
    await writeFile(join(stack.root, `Pulumi.${stack.name}.yaml`), stringify({ config }));
    const runtime = { name: "nodejs", options: { typescript: false } };
    await writeFile(join(stack.root, "Pulumi.yaml"), stringify({ name: "fleet", runtime, main: MAIN }));
  }

  /** The token that CI writes, with these times; by default one that is good for two hours. */
  async writeCiToken({ issuedAt = new Date(), seconds = 7_200 } = {}): Promise<void> {
    const token = await new SignJWT({ iss: CI, sub: "pipeline", aud: "vault" })
      .setProtectedHeader({ alg: "RS256" })
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(new Date(issuedAt.getTime() + seconds * 1000))
      .sign(this.#ciKey.privateKey);
    await writeFile(join(this.#directory, "ci-token"), token, { mode: 0o600 });
  }

  async run(command: string, ...options: string[]): Promise<Finished> {
    const finished = await this.stack.run(command, ...options);
    this.said.push(finished.stdout, finished.stderr);
    return finished;
  }

  /** What `plan` would change; throws when it fails. */
  async changes(): Promise<unknown[]> {
    const plan = await this.run("plan", "--json");
    if (plan.code !== 0) throw new Error(`plan exited ${plan.code}: ${plan.stdout} ${plan.stderr}`);
    return (JSON.parse(plan.stdout) as { changes: unknown[] }).changes;
  }

  /** Starts Argo CD's processes as soon as the cluster has been told to run them: what a kubelet does. */
  async runArgoCd(): Promise<void> {
    await waitFor("Argo CD's workloads", async () => (await this.client.get(WORKLOADS)) !== undefined, 300);
    process.stderr.write(
      "stand-in: Argo CD's processes are started by the test, with the arguments of a local stack\n",
    );
    const account = { namespace: "argocd", name: "argocd-application-controller" };
    const { token } = await this.client.serviceAccountToken({ ...account, expirationSeconds: 7200 });
    const { url: server, ca } = this.#server;
    const cluster = { server, "certificate-authority-data": Buffer.from(ca).toString("base64") };
    const folder = await mkdtemp(join(this.#directory, "argocd-"));
    await mkdir(join(folder, "etc/argocd/tls"), { recursive: true });
    await writeFile(join(folder, "etc/argocd/tls", "127.0.0.1"), this.git.ca);
    this.#argocd = new ArgoCd(folder, this.#tools);
    await this.#argocd.link(["argocd", "kustomize"]);
    await this.#argocd.start(
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        "current-context": "in-cluster",
        contexts: [{ name: "in-cluster", context: { cluster: "c", user: "u", namespace: "argocd" } }],
        clusters: [{ name: "c", cluster }],
        users: [{ name: "u", user: { token: token.reveal() } }],
      }),
    );
  }

  async stopArgoCd(): Promise<void> {
    await this.#argocd?.stop();
    this.#argocd = undefined;
  }

  /** One line for each object in the cluster and each thing in Vault, by name: what a fault may neither leave behind nor make twice. */
  async inventory(): Promise<string[]> {
    const [objects, secrets] = await Promise.all([objectsOf(this.client), thingsOf(await this.owner())]);
    return [...objects, ...secrets].sort();
  }

  /** Where a credential that went through a shim stands in clear: in what was said, or in a file of the stack. */
  async leaks(): Promise<string[]> {
    const folder = this.stack.directory;
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const read = async (path: string) => [path, await readFile(path, "latin1").catch(() => "")] as const;
    const texts = [["output", this.said.join("\n")] as const, ...(await Promise.all(files.map(read)))];
    const secrets = this.shims.flatMap((shim) => [...shim.secrets]);
    if (secrets.length === 0) throw new Error("no credential was seen: nothing was looked for");
    return texts.filter(([, text]) => secrets.some((secret) => text.includes(secret))).map(([where]) => where);
  }

  /** What the owner of a Vault does: a login for CI, its policy, and who Vault says it is. */
  async #configureVault(ca: string): Promise<void> {
    const owner = await this.owner();
    await owner.write("sys/auth/ci", { type: "jwt" });
    const keys = [this.#ciKey.publicKey.export({ type: "spki", format: "pem" })];
    await owner.write("auth/ci/config", { jwt_validation_pubkeys: keys, bound_issuer: CI });
    for (const [name, file] of Object.entries(POLICIES)) {
      const text = await readFile(new URL(`../../bootstrap/vault/${file}.hcl`, import.meta.url), "utf8");
      const known = name === "git-reader" ? `dayzero.${this.stack.name}.git-reader` : name;
      await owner.write(`sys/policies/acl/${known}`, { policy: text.replaceAll(/\$\{stack\}/g, this.stack.name) });
    }
    const role = { role_type: "jwt", user_claim: "sub", bound_audiences: ["vault"], token_policies: ["ci-operator"] };
    await owner.write("auth/ci/role/dayzero", role);
    await owner.write("identity/oidc/config", { issuer: this.#vaultStack.address });
    await this.writeCiToken();
    const dispatcher = new Agent({ connect: { ca } });
    const issuer = `${this.#vaultStack.address}/v1/identity/oidc`;
    const keysOf = async () => (await request(`${issuer}/.well-known/keys`, { dispatcher })).body.json() as never;
    this.forge.oidc = { issuer, audience: `dayzero/${this.stack.name}/git/fleet`, keys: keysOf };
  }
}

/** Written by clocks and controllers, not by the stack. */
const FLEETING = /^(events|leases|endpoints|endpointslices|ipaddresses|componentstatuses|apiservices)$/;

async function objectsOf(client: KubernetesClient): Promise<string[]> {
  const groups = await client.request<{ groups: { preferredVersion: { groupVersion: string } }[] }>("GET", "/apis");
  const versions = ["v1", ...groups.groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
  const found = await Promise.all(
    versions.map(async (apiVersion) => {
      const path = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
      const { resources } = await client.request<{ resources: { name: string; kind: string; verbs: string[] }[] }>(
        "GET",
        path,
      );
      const kinds = resources.filter(({ name, verbs }) => verbs.includes("list") && !FLEETING.test(name));
      const lists = await Promise.all(kinds.map(({ kind }) => client.list<Listed>({ apiVersion, kind })));
      return lists
        .flat()
        .map(({ kind, metadata }) => `${apiVersion} ${kind} ${metadata.namespace ?? ""}/${metadata.name}`);
    }),
  );
  return found.flat();
}

interface Listed {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

async function thingsOf(vault: VaultClient): Promise<string[]> {
  const mounts = Object.keys((await vault.read<object>("sys/auth")) ?? {});
  const paths = [
    "sys/policies/acl",
    "identity/oidc/key",
    "identity/oidc/role",
    ...mounts.filter((mount) => mount !== "token/").map((mount) => `auth/${mount}role`),
  ];
  const names = await Promise.all(paths.map(async (path) => (await vault.list(path)).map((name) => `${path}/${name}`)));
  return [...mounts.map((mount) => `auth/${mount}`), ...names.flat()].map((thing) => `vault ${thing}`);
}
