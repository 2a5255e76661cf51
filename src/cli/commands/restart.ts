import { rmdir } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { isDueForRestart } from "../../daemons/upkeep/isDueForRestart.ts";
import { FileLock } from "../../machine/FileLock.ts";
import { recordRestart } from "../../machine/restarts.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { processResource, readProcessSpec } from "../../resources/local/ProcessResource.ts";
import { createContext } from "../createContext.ts";
import { EXIT } from "../exitCodes.ts";
import type { Outcome, Run } from "../Run.ts";

/**
 * `dayzero restart <process>`: starts a daemon that died as `up` last started it. Called by the stack's other daemons, not by people.
 *
 * Does nothing while anybody works on the stack: `up` starts what is dead itself, and what `down` ends has to stay ended.
 */
export async function restart(run: Run, name: string, folder: string): Promise<Outcome> {
  const layout = new StackLayout(resolve(run.workingDirectory, folder));
  const isDue = () => isDueForRestart(layout, name, new Date());
  const outcome = (restarted: boolean): Outcome => ({ exitCode: EXIT.ok, json: { restarted }, text: "" });
  if (!(await isDue())) return outcome(false);
  const lock = await FileLock.tryAcquire({ path: layout.lock });
  if (lock === undefined) return outcome(false);
  try {
    // Once more, now that nobody else changes anything: `down` may have come and gone.
    const spec = (await isDue()) ? await readProcessSpec(layout, name) : undefined;
    if (spec === undefined) return outcome(false);
    await recordRestart(layout, name, new Date());
    const { context, close } = createContext({
      stack: basename(layout.directory),
      layout,
      dryRun: false,
      signal: run.signal,
      program: run.program,
      // None but this program itself.
      tools: new Map(),
      narrate: (message) => run.narrator.tell({ kind: "note", message }),
    });
    try {
      await processResource.apply([], spec, context);
    } finally {
      await close();
    }
    return outcome(true);
  } finally {
    await lock.release();
    // Taking the lock makes the folder again when `down` has just removed it.
    await rmdir(layout.directory).catch(() => undefined);
  }
}
