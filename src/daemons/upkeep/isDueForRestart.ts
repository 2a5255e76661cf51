import { findDetached } from "../../machine/DetachedProcess.ts";
import { exists } from "../../machine/exists.ts";
import { readRestarts } from "../../machine/restarts.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { mayRestart } from "./restartPolicy.ts";

/**
 * Whether a process of a stack ran, has ended, and may be restarted now. One that the stack gave up has no specification any
 * more; one that never ran, or waits for the `up` that was killed before it, has no pid file.
 */
export async function isDueForRestart(layout: StackLayout, name: string, now: Date): Promise<boolean> {
  const [spec, pidFile] = await Promise.all([exists(layout.processSpec(name)), exists(layout.pidFile(name))]);
  if (!spec || !pidFile) return false;
  if ((await findDetached(layout.pidFile(name), layout.directory)) !== undefined) return false;
  return mayRestart(await readRestarts(layout, name), now);
}
