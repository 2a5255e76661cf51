import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { KubernetesError } from "../../clients/KubernetesError.ts";
import { VaultError } from "../../clients/VaultError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { AgentConfiguration } from "../../manifests/agent/AgentConfiguration.ts";
import { AGENT_IDENTITY, AGENT_WRITER } from "../../manifests/agent/agentPaths.ts";
import { GIT_READER, VAULT_AUDIENCE } from "../../manifests/vault/trustNames.ts";
import type { Renewal, RenewalStatus } from "../renewer/Renewal.ts";
import { repositoryRenewal } from "../renewer/repositoryRenewal.ts";
import { writeHeartbeat } from "./heartbeat.ts";
import { readAgentConfiguration } from "./readAgentConfiguration.ts";
import { readProjectedToken } from "./readProjectedToken.ts";

export interface AgentOptions {
  /** File with an {@link AgentConfiguration}. */
  readonly configuration: string;
  /** Folder of the projected volume: the pod's tokens for the API server and for Vault, and the CA of the API server. */
  readonly identity: string;
  readonly signal: AbortSignal;
}

/**
 * Keeps the controller's Git credential fresh from inside the cluster, as the service account of its own pod and by no other
 * credential. Its tokens are read from their files at each use, so what the kubelet renews is renewed here.
 *
 * It renews at its start, whatever the age of the credential: that it can is proved before anything relies on it. An outage is
 * waited out; each turn leaves a heartbeat. Resolves once stopped.
 */
export async function serveAgent(
  options: AgentOptions & {
    readonly heartbeat: string;
    /** One JSON document a line; standard output by default. */
    readonly log?: (line: string) => void;
  },
): Promise<void> {
  const { signal, heartbeat, log: write = (line: string) => process.stdout.write(`${line}\n`) } = options;
  const beat = (renewal: Renewal) => writeHeartbeat(heartbeat, renewal.status(), new Date());
  const { renewal, close } = await prepare(options, {
    log: (entry) => write(JSON.stringify({ time: new Date().toISOString(), ...entry })),
    onTurn: beat,
    writer: `${AGENT_WRITER}${randomUUID()}`,
  });
  await beat(renewal);
  await renewal.run(signal);
  await close();
}

/** One turn: renews what is due. Throws with what stood in the way. */
export async function renewOnce(options: AgentOptions): Promise<RenewalStatus & { readonly renewed: boolean }> {
  let renewed = false;
  const { renewal, config, close } = await prepare(options, { log: () => (renewed = true) });
  try {
    await renewal.once();
    return { ...renewal.status(), renewed };
  } catch (error) {
    throw explain(error, config);
  } finally {
    await close();
  }
}

async function prepare(
  { configuration, identity, signal }: AgentOptions,
  hooks: {
    log(entry: Readonly<Record<string, unknown>>): void;
    onTurn?(renewal: Renewal): Promise<void>;
    writer?: string;
  },
): Promise<{ renewal: Renewal; config: AgentConfiguration; close(): Promise<void> }> {
  const config = await readAgentConfiguration(configuration);
  const file = (name: string) => join(identity, name);
  const token = (name: string, audience?: string) => readProjectedToken(file(name), audience, new Date());
  const kubernetes = new KubernetesClient({
    server: config.server,
    ca: await readFile(file(AGENT_IDENTITY.ca), "utf8"),
    // Over at once, so that the next request reads the file again.
    credential: async () => ({ token: await token(AGENT_IDENTITY.kubernetes), expiresAt: new Date() }),
  });
  const { renewal, close } = repositoryRenewal({
    kubernetes,
    config,
    vaultCa: config.vaultCa,
    gitCa: config.gitCa,
    identity: () => token(AGENT_IDENTITY.vault, VAULT_AUDIENCE),
    signal,
    ...hooks,
  });
  return {
    renewal,
    config,
    close: async () => {
      await Promise.all([kubernetes.close(), close()]);
    },
  };
}

/** What the servers answered, in the words of who asked. */
function explain(error: unknown, { vaultAddress, mount, namespace }: AgentConfiguration): unknown {
  if (error instanceof VaultError) {
    return new DayzeroError(
      "VAULT_REFUSED",
      `cannot get a credential from vault at ${vaultAddress}: ${error.message}`,
      {
        cause: error,
        hint: `compare the pod's service account with role "${GIT_READER.role}" of auth/${mount}; after a rebuild the mount is another one`,
      },
    );
  }
  if (error instanceof KubernetesError) {
    return new DayzeroError("CLUSTER_REFUSED", `cannot use the Secret in ${namespace}: ${error.message}`, {
      cause: error,
      hint: "see that Role and RoleBinding of the agent are in place, and that the API server is reachable from its pod",
    });
  }
  return error;
}
