import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { VaultClient } from "../../../src/clients/VaultClient.ts";
import type { Secret } from "../../../src/credentials/Secret.ts";
import { freePorts } from "../../../src/machine/freePorts.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { serverConfiguration } from "../../../src/manifests/vault/serverConfiguration.ts";
import { gitAudience, jwtMountName, oidcKeyName, oidcRoleName } from "../../../src/manifests/vault/trustNames.ts";
import { authorityResource } from "../../../src/resources/local/AuthorityResource.ts";
import { fileResource } from "../../../src/resources/local/FileResource.ts";
import { processResource } from "../../../src/resources/local/ProcessResource.ts";
import type { Change, Context, Resource } from "../../../src/resources/Resource.ts";
import { initializationResource } from "../../../src/resources/vault/InitializationResource.ts";
import { jwtAuthResource } from "../../../src/resources/vault/JwtAuthResource.ts";
import { jwtRoleResource } from "../../../src/resources/vault/JwtRoleResource.ts";
import { oidcIssuerResource } from "../../../src/resources/vault/OidcIssuerResource.ts";
import { oidcKeyResource } from "../../../src/resources/vault/OidcKeyResource.ts";
import { oidcRoleResource } from "../../../src/resources/vault/OidcRoleResource.ts";
import { operatorVaultClient } from "../../../src/resources/vault/operatorVaultClient.ts";
import { policyResource } from "../../../src/resources/vault/PolicyResource.ts";
import { rootTokenResource } from "../../../src/resources/vault/RootTokenResource.ts";
import { storageResource } from "../../../src/resources/vault/StorageResource.ts";
import { ISSUER, type TokenIssuer } from "./TokenIssuer.ts";

/** What is told from outside; plain JSON, so that a child process can converge the same stack. */
export interface VaultStackPlan {
  readonly directory: string;
  readonly port: number;
  readonly clusterPort: number;
  /** Path of the real `bao`. */
  readonly bao: string;
  readonly recipients: readonly string[];
  readonly shares: number;
  readonly threshold: number;
}

const REPOSITORY = "fleet";

/** An embedded Vault in a folder of its own, converged through the resources that `dayzero up` uses, one run each. */
export class VaultStack {
  readonly plan: VaultStackPlan;
  readonly layout: StackLayout;
  /** What each run changed: resource type -> changes. */
  changed = new Map<string, readonly Change[]>();
  /** Of the run in progress; a new run begins with nothing in memory. */
  memory = new Map<string, Secret>();
  issuer: TokenIssuer;

  constructor(plan: VaultStackPlan, issuer: TokenIssuer) {
    this.plan = plan;
    this.layout = new StackLayout(plan.directory);
    this.issuer = issuer;
  }

  static async create(bao: string, issuer: TokenIssuer, shares: Partial<VaultStackPlan> = {}): Promise<VaultStack> {
    const [port = 0, clusterPort = 0] = await freePorts(2, new Set());
    const directory = await mkdtemp(join(tmpdir(), "dz-vault-"));
    const plan = { directory, port, clusterPort, bao, recipients: [], shares: 1, threshold: 1, ...shares };
    return new VaultStack(plan, issuer);
  }

  get address(): string {
    return `https://127.0.0.1:${this.plan.port}`;
  }

  get mount(): string {
    return jwtMountName("local", this.issuer.generation);
  }

  get context(): Context {
    return {
      stack: "local",
      directory: this.plan.directory,
      dryRun: false,
      signal: AbortSignal.timeout(60_000),
      now: () => new Date(),
      tool: () => [this.plan.bao],
      narrate: () => {},
      kubernetes: async () => this.issuer.kubernetes,
      vault: () =>
        operatorVaultClient({
          stack: "local",
          layout: this.layout,
          address: this.address,
          authority: "platform",
          memory: this.memory,
          kubernetes: async () => this.issuer.kubernetes,
          now: () => new Date(),
        }),
      memory: this.memory,
    };
  }

  /** A run of `up`, as far as Vault is concerned. */
  async up(supplied: Record<string, Secret> = {}): Promise<void> {
    this.memory = new Map(Object.entries(supplied));
    this.changed = new Map();
    await this.server();
    await this.initialization();
    await this.trust();
  }

  async server(): Promise<void> {
    const { port, clusterPort } = this.plan;
    const leaf = { name: "vault", commonName: "vault", ipAddresses: ["127.0.0.1"], usages: ["server"] };
    await this.converge(authorityResource, { name: "platform", leaves: [leaf] });
    const content = serverConfiguration({ port, clusterPort, owner: userInfo() });
    await this.converge(fileResource, { path: "etc/vault.hcl", content });
    await this.converge(storageResource, {});
    await this.converge(processResource, {
      name: "vault",
      tool: "bao",
      args: ["server", "-config=etc/vault.hcl"],
      ready: {
        kind: "http",
        url: `${this.address}/v1/sys/health?uninitcode=200&sealedcode=200&standbycode=200`,
        authority: "platform",
      },
    });
  }

  async initialization(): Promise<void> {
    const { recipients, shares, threshold } = this.plan;
    const inputs = { address: this.address, authority: "platform", recipients, shares, threshold };
    await this.converge(initializationResource, inputs);
  }

  async trust(): Promise<void> {
    const { generation, publicKey } = this.issuer;
    const { mount } = this;
    const audience = gitAudience("local", REPOSITORY);
    const subject = (name: string) => `system:serviceaccount:dayzero-system:${name}`;
    await this.converge(jwtAuthResource, {
      mount,
      generation,
      issuerKeys: [publicKey],
      issuer: ISSUER,
    });
    await this.converge(policyResource, {
      name: "dayzero.local.operator",
      template: "operator",
      values: { stack: "local" },
    });
    await this.converge(policyResource, {
      name: "dayzero.local.git-reader",
      template: "git-reader",
      values: { stack: "local" },
    });
    const role = { mount, audience: "vault" };
    await this.converge(jwtRoleResource, {
      ...role,
      name: "operator",
      subject: subject("operator"),
      policy: "dayzero.local.operator",
      uses: 0,
    });
    await this.converge(jwtRoleResource, {
      ...role,
      name: "git-reader",
      subject: subject("git-reader"),
      policy: "dayzero.local.git-reader",
      uses: 1,
    });
    await this.converge(oidcIssuerResource, { address: this.address });
    const key = oidcKeyName("local", generation);
    await this.converge(oidcKeyResource, { name: key, audiences: [audience] });
    const name = oidcRoleName("local", REPOSITORY);
    await this.converge(oidcRoleResource, { name, repository: REPOSITORY, generation, key, audience });
    await this.converge(rootTokenResource, { state: "revoked", address: this.address, mount });
  }

  /** What the converge host does with one resource. */
  async converge<Inputs, Live extends object>(resource: Resource<Inputs, Live>, given: object): Promise<void> {
    const inputs = resource.inputs.parse(given);
    const id = resource.identify(inputs);
    const changes = resource.plan(await resource.read(id, this.context), inputs);
    if (changes.length === 0) return;
    this.changed.set(`${resource.type} ${id}`, changes);
    const live = await resource.apply(changes, inputs, this.context);
    const left = resource.plan(live, inputs);
    if (left.length > 0) throw new Error(`${resource.type} ${id} still differs: ${JSON.stringify(left)}`);
    const again = resource.plan(await resource.read(id, this.context), inputs);
    if (again.length > 0) throw new Error(`${resource.type} ${id} reads differently: ${JSON.stringify(again)}`);
  }

  /** Without a token. */
  async client(): Promise<VaultClient> {
    return new VaultClient({
      address: this.address,
      ca: await readFile(this.layout.pki("platform", "ca.crt"), "utf8"),
    });
  }

  async pid(): Promise<number> {
    const live = await processResource.read("vault", this.context);
    if (live === undefined) throw new Error("vault does not run");
    return live.pid;
  }

  async auditLog(): Promise<string> {
    return readFile(this.layout.log("vault-audit"), "utf8");
  }

  /** Content of every file below the state folder, by path. */
  async files(): Promise<Map<string, Buffer>> {
    const entries = await readdir(this.plan.directory, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return new Map(await Promise.all(files.map(async (path) => [path, await readFile(path)] as const)));
  }

  async down(): Promise<void> {
    await processResource.remove("vault", this.context);
    await rm(this.plan.directory, { recursive: true, force: true });
  }
}
