import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { readIfThere } from "../../machine/readIfThere.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import type { RenewalStatus } from "../renewer/Renewal.ts";

/** A turn takes half a minute at most, and what it asks for a minute or so when nobody answers. */
const ALIVE_MS = 180_000;

const SEE_LOG = "see its log: kubectl -n dayzero-system logs deployment/dayzero-agent-<repository>";

const schema = z.object({
  at: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
  renewedAt: z.iso.datetime().nullable(),
  lastError: z.string().nullable(),
});

/** What the kubelet's probes ask: whether the agent goes round, and whether it has renewed the credential, which is still good. */
export type AgentQuestion = "alive" | "ready";

/** Tells probes, which run as processes of their own, how it stands. A file, so that no port is open. */
export async function writeHeartbeat(path: string, status: RenewalStatus, now: Date): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify({ at: now.toISOString(), ...status })}\n`);
}

/** Throws `AGENT_NOT_ALIVE` or `AGENT_NOT_READY`, with the reason. */
export async function checkHeartbeat(path: string, question: AgentQuestion, now: Date): Promise<void> {
  const beat = await readHeartbeat(path);
  if (beat === undefined) throw notAlive(`there is no heartbeat in ${path}`);
  const seconds = Math.round((now.getTime() - Date.parse(beat.at)) / 1000);
  if (seconds * 1000 > ALIVE_MS) throw notAlive(`its last heartbeat was ${seconds} s ago`);
  if (question === "alive") return;
  const why = beat.lastError === null ? "" : `: ${beat.lastError}`;
  if (beat.expiresAt === null) throw notReady(`it has not seen the credential yet${why}`);
  if (beat.renewedAt === null) throw notReady(`it has not renewed the credential yet${why}`);
  if (Date.parse(beat.expiresAt) <= now.getTime()) {
    throw notReady(`the credential expired at ${beat.expiresAt}${why}`);
  }
}

/** `undefined` for one in pieces, too. */
async function readHeartbeat(path: string): Promise<z.infer<typeof schema> | undefined> {
  const text = await readIfThere(path);
  try {
    return text === undefined ? undefined : schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function notAlive(reason: string): DayzeroError {
  return new DayzeroError("AGENT_NOT_ALIVE", `the agent is not alive: ${reason}`, { hint: SEE_LOG });
}

function notReady(reason: string): DayzeroError {
  return new DayzeroError("AGENT_NOT_READY", `the agent is not ready: ${reason}`, { hint: SEE_LOG });
}
