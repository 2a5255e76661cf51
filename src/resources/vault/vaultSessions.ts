import { setTimeout as delay } from "node:timers/promises";
import type { VaultClient } from "../../clients/VaultClient.ts";
import type { Context } from "../Resource.ts";

type Memory = Context["memory"];

/** A client that is logged in, with a connection of its own. */
export interface Session {
  readonly client: VaultClient;
  /** Its token was made for this run alone, which ends it. A person's own token is not this run's to end. */
  readonly ownToken: boolean;
  isGood(): boolean;
}

interface Sessions {
  current: Promise<Session> | undefined;
  /** A session that was replaced is still in use by whoever got it just before. */
  readonly opened: Session[];
}

/** How long a Vault that keeps silent may hold up the end of a run: it ends the tokens itself when their time is over. */
const PATIENCE_MS = 2_000;

/** Of each run, known by its memory. */
const runs = new WeakMap<Memory, Sessions>();

/** The run's one session: kept as long as it is good, and then replaced. A failure is not kept. */
export async function vaultSession(memory: Memory, open: () => Promise<Session>): Promise<VaultClient> {
  const run = runs.get(memory) ?? { current: undefined, opened: [] };
  runs.set(memory, run);
  const pending = run.current;
  const known = await pending?.catch(() => undefined);
  if (known?.isGood()) return known.client;
  // Who waited for the same session that is no good meets here: the first opens another, the rest take that one.
  if (run.current !== pending) return vaultSession(memory, open);
  run.current = open().then((session) => {
    run.opened.push(session);
    return session;
  });
  return (await run.current).client;
}

/** Ends the run's sessions: revokes the tokens that logins gave, and closes the connections. Never rejects. */
export async function endVaultSessions(memory: Memory): Promise<void> {
  const run = runs.get(memory);
  runs.delete(memory);
  await run?.current?.catch(() => undefined);
  await Promise.all((run?.opened ?? []).map(end));
}

async function end({ client, ownToken }: Session): Promise<void> {
  const revoked = ownToken ? client.write("auth/token/revoke-self").catch(() => undefined) : undefined;
  await Promise.race([revoked, delay(PATIENCE_MS, undefined, { ref: false })]);
  client.close().catch(() => undefined);
}
