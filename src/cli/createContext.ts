import type { KubernetesClient } from "../clients/KubernetesClient.ts";
import type { VaultClient } from "../clients/VaultClient.ts";
import { DayzeroError } from "../config/DayzeroError.ts";
import type { ExistingSpec } from "../config/StackSpec.ts";
import type { Secret } from "../credentials/Secret.ts";
import { exists } from "../machine/exists.ts";
import { serverUrl } from "../machine/readPorts.ts";
import type { StackLayout } from "../machine/StackLayout.ts";
import { openBaoAuthority } from "../manifests/openbao/openBaoNames.ts";
import type { Context } from "../resources/Resource.ts";

export interface ContextOptions {
  readonly stack: string;
  readonly layout: StackLayout;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly program: readonly [node: string, entry: string];
  /**
   * Paths by tool name, of those that may be started; looked at when a tool is asked for, so it may be filled later. Undefined where
   * none is going to be started: a name then stands for itself.
   */
  readonly tools: ReadonlyMap<string, string> | undefined;
  /** The cluster and the Vault that are there already; without it they are the embedded ones of the stack. */
  readonly existing?: ExistingSystems | undefined;
  /** Secrets that a person supplied for this run. */
  readonly memory?: ReadonlyMap<string, Secret>;
  readonly narrate: (message: string) => void;
}

export interface ExistingSystems {
  readonly spec: Pick<ExistingSpec, "cluster" | "vault">;
  /** The person's own: what their kubeconfig names as `exec` is their program, and finds their cloud's login there. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What one run uses of the world. Clients are made when first asked for and shared; `close` ends their logins and connections, and never rejects. */
export function createContext(options: ContextOptions): { context: Context; close(): Promise<void> } {
  const { tools } = options;
  const clients = new Set<{ close(): unknown }>();
  const memory = new Map(options.memory);
  const now = () => new Date();

  let admin: Promise<KubernetesClient> | undefined;
  const kubernetes = () => {
    admin ??= openCluster(options)
      .then((client) => {
        clients.add(client);
        return client;
      })
      .catch((error: unknown) => {
        // Not remembered: what it is made from may come later in the run.
        admin = undefined;
        throw error;
      });
    return admin;
  };
  let endLogins: (() => Promise<void>) | undefined;
  const logIn = async () => {
    const { endVaultSessions } = await import("../resources/vault/vaultSessions.ts");
    endLogins = () => endVaultSessions(memory);
    // Its sessions may be shorter than a run, so it is asked each time and keeps them itself.
    return openVault(options, { memory, kubernetes, now });
  };
  let seen: Promise<VaultClient> | undefined;
  // A dry run is short and starts nothing: a Vault that keeps silent does so to the end, and is waited for once, not by each resource.
  const vault = () => {
    if (!options.dryRun) return logIn();
    seen ??= logIn();
    return seen;
  };
  const context: Context = {
    stack: options.stack,
    directory: options.layout.directory,
    dryRun: options.dryRun,
    signal: options.signal,
    now,
    tool(name) {
      if (name === "dayzero") return options.program;
      if (tools === undefined) return [name];
      const path = tools.get(name);
      if (path !== undefined) return [path];
      throw new DayzeroError("TOOL_UNKNOWN", `no pinned tool is called ${JSON.stringify(name)}`, {
        hint: `known are ${[...tools.keys()].join(", ")}`,
      });
    },
    narrate: options.narrate,
    kubernetes,
    vault,
    memory,
  };
  return {
    context,
    async close() {
      await endLogins?.();
      for (const client of clients) client.close();
    },
  };
}

async function openCluster({ existing, layout }: ContextOptions): Promise<KubernetesClient> {
  if (existing === undefined) {
    const { adminKubernetesClient } = await import("../resources/cluster/adminKubernetesClient.ts");
    return adminKubernetesClient(layout);
  }
  const { loadKubeconfig } = await import("../clients/Kubeconfig.ts");
  const { kubeconfig, context } = existing.spec.cluster;
  const hint = "correct dayzero:cluster.kubeconfig of the stack's file: it is read from the folder of Pulumi.yaml";
  return loadKubeconfig(kubeconfig, { context, environment: existing.environment, hint });
}

async function openVault(
  { existing, layout, stack }: ContextOptions,
  run: Pick<Context, "memory" | "kubernetes" | "now">,
): Promise<VaultClient> {
  const vault = existing?.spec.vault;
  if (vault?.kind === "external") {
    const { externalVaultClient } = await import("../resources/vault/externalVaultClient.ts");
    return externalVaultClient({ ...run, vault });
  }
  const { operatorVaultClient } = await import("../resources/vault/operatorVaultClient.ts");
  const open = (server: { address: string; authority: string }) =>
    operatorVaultClient({ ...run, ...server, layout, stack });
  if (vault !== undefined) return open({ address: vault.address, authority: openBaoAuthority(vault.install) });
  try {
    return await open({ address: await serverUrl(layout, "vault"), authority: "platform" });
  } catch (cause) {
    if (await exists(layout.data("vault"))) throw cause;
    throw new DayzeroError("VAULT_ABSENT", `stack folder ${layout.directory} holds no Vault`, {
      cause,
      hint: "run `dayzero up`, which makes it",
    });
  }
}
