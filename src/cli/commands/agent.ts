import { EXIT } from "../exitCodes.ts";
import type { Outcome, Run } from "../Run.ts";

export interface AgentCommandOptions {
  readonly config: string;
  readonly identity: string;
  readonly heartbeat: string;
  readonly once?: boolean;
  readonly check?: "alive" | "ready";
}

/** `dayzero agent`: keeps a credential fresh from inside the cluster, until SIGTERM; `--once`: one turn; `--check`: asks the one that runs. */
export async function agent(run: Run, options: AgentCommandOptions): Promise<Outcome> {
  const { config: configuration, identity, heartbeat, once, check } = options;
  const { signal } = run;
  if (check !== undefined) {
    const { checkHeartbeat } = await import("../../daemons/agent/heartbeat.ts");
    await checkHeartbeat(heartbeat, check, new Date());
    return { exitCode: EXIT.ok, json: { [check]: true }, text: "" };
  }
  const { renewOnce, serveAgent } = await import("../../daemons/agent/agent.ts");
  if (once !== true) {
    await serveAgent({ configuration, identity, heartbeat, signal });
    return { exitCode: EXIT.ok, json: { ok: true }, text: "" };
  }
  const { renewed, fingerprint, expiresAt, nextRenewal } = await renewOnce({ configuration, identity, signal });
  const text = `${renewed ? "renewed" : "nothing was due"}: credential ${fingerprint} is good until ${expiresAt}\n`;
  return { exitCode: EXIT.ok, json: { renewed, fingerprint, expiresAt, nextRenewal }, text };
}
