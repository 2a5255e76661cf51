import { userInfo } from "node:os";
import { all, type Input, interpolate, type Output, output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions } from "@pulumi/pulumi/resource.js";
import type { PortName } from "../machine/StackLayout.ts";
import { serverConfiguration } from "../manifests/vault/serverConfiguration.ts";
import { type Authority, File, Process } from "../resources/local/index.ts";
import { Initialization, Storage } from "../resources/vault/index.ts";

export interface VaultArgs {
  /** What Vault needs of the machine; not the control plane, so both start side by side. */
  readonly cluster: {
    readonly ports: Input<Pick<Record<PortName, number>, "vault" | "vault-cluster">>;
    readonly platform: Authority;
  };
  /** age recipients of the unseal shares; none: a local identity is made. */
  readonly recipients: readonly string[];
  readonly shares: number;
  readonly threshold: number;
}

/** The embedded Vault (OpenBao): its server, initialized and unsealed. */
export class Vault extends ComponentResource {
  /** What is in Vault is deleted with it. */
  readonly storage: Storage;
  readonly address: Output<string>;
  /** Known once Vault is initialized and unsealed. */
  readonly initialized: Output<boolean>;

  constructor(name: string, { cluster, recipients, shares, threshold }: VaultArgs, options?: ComponentResourceOptions) {
    super("dayzero:components:Vault", name, {}, options);
    const parent = { parent: this };
    const port = output(cluster.ports).apply((ports) => ports.vault);
    const clusterPort = output(cluster.ports).apply((ports) => ports["vault-cluster"]);
    const address = interpolate`https://127.0.0.1:${port}`;
    const certificate = cluster.platform.certificateDigests.apply((digests) => digests.vault ?? "");

    const configuration = new File(
      `${name}-configuration`,
      {
        path: "etc/vault.hcl",
        content: all([port, clusterPort]).apply(([port, clusterPort]) =>
          serverConfiguration({ port, clusterPort, owner: userInfo() }),
        ),
      },
      parent,
    );
    this.storage = new Storage(`${name}-storage`, parent);
    const server = new Process(
      `${name}-server`,
      {
        name: "vault",
        tool: "bao",
        args: ["server", "-config=etc/vault.hcl"],
        ready: {
          kind: "http",
          url: interpolate`${address}/v1/sys/health?uninitcode=200&sealedcode=200&standbycode=200`,
          authority: "platform",
        },
        triggers: [configuration.digest, certificate],
      },
      { ...parent, dependsOn: [this.storage] },
    );
    const initialization = new Initialization(
      `${name}-initialization`,
      { address, authority: "platform", recipients: [...recipients], shares, threshold },
      // Not deleted with the storage: what it leaves are sealed shares on this machine, and a new Vault has none of those.
      { ...parent, dependsOn: [server] },
    );
    this.address = initialization.address;
    this.initialized = initialization.initialized;
    this.registerOutputs({ address: this.address, initialized: this.initialized });
  }
}
