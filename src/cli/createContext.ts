import type { KubernetesClient } from "../clients/KubernetesClient.ts";
import type { VaultClient } from "../clients/VaultClient.ts";
import { DayzeroError } from "../config/DayzeroError.ts";
import type { Secret } from "../credentials/Secret.ts";
import { serverUrl } from "../machine/readPorts.ts";
import type { StackLayout } from "../machine/StackLayout.ts";
import type { Context } from "../resources/Resource.ts";

export interface ContextOptions {
  readonly stack: string;
  readonly layout: StackLayout;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly program: readonly [node: string, entry: string];
  /** Paths by tool name, of those that may be started; undefined where none is going to be: a name then stands for itself. */
  readonly tools: ReadonlyMap<string, string> | undefined;
  /** Content of `--identity FILE`. */
  readonly identity?: Secret;
  readonly narrate: (message: string) => void;
}

/** What one run uses of the world. Clients are made when first asked for and shared; `close` ends their connections. */
export function createContext(options: ContextOptions): { context: Context; close(): void } {
  const { layout, tools } = options;
  const clients = new Set<{ close(): unknown }>();
  let admin: Promise<KubernetesClient> | undefined;
  const kubernetes = () => {
    admin ??= import("../resources/cluster/adminKubernetesClient.ts")
      .then(({ adminKubernetesClient }) => adminKubernetesClient(layout))
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
  const now = () => new Date();
  const memory = new Map(options.identity === undefined ? [] : [["age-identity", options.identity]]);
  const openVault = async () => {
    const [{ operatorVaultClient }, address] = await Promise.all([
      import("../resources/vault/operatorVaultClient.ts"),
      serverUrl(layout, "vault"),
    ]);
    // Its sessions are shorter than a run may be, so it is asked each time and keeps them itself.
    const client: VaultClient = await operatorVaultClient({ layout, address, memory, kubernetes, now });
    clients.add(client);
    return client;
  };
  let seen: Promise<VaultClient> | undefined;
  // A dry run is short and starts nothing: a Vault that keeps silent does so to the end, and is waited for once, not by each resource.
  const vault = () => {
    if (!options.dryRun) return openVault();
    seen ??= openVault();
    return seen;
  };
  const context: Context = {
    stack: options.stack,
    directory: layout.directory,
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
    close() {
      for (const client of clients) client.close();
    },
  };
}
