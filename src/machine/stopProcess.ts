import { setTimeout as delay } from "node:timers/promises";
import { DayzeroError } from "../config/DayzeroError.ts";
import { type DetachedProcess, isAlive } from "./DetachedProcess.ts";

const POLL_MS = 20;

/**
 * Ends a process: SIGTERM, and SIGKILL once `graceMs` have passed; then SIGKILL for what it leaves in its process group.
 *
 * Already gone is success, and a pid that now belongs to another process is left alone. Rejects when it does not even die of SIGKILL.
 */
export async function stopProcess(
  target: Pick<DetachedProcess, "pid" | "startTime">,
  options: { graceMs: number; signal?: AbortSignal },
): Promise<void> {
  if (!(await isAlive(target))) return;
  send(target.pid, "SIGTERM");
  // One that is frozen would hear of it only then.
  send(target.pid, "SIGCONT");
  if (!(await ended(target, options.graceMs, options.signal))) {
    if (await isAlive(target)) send(-target.pid, "SIGKILL");
    if (!(await ended(target, 5_000, options.signal))) {
      throw new DayzeroError("PROCESS_STUCK", `cannot end process ${target.pid}: it outlives SIGKILL`, {
        hint: "it waits for the system, often for a disk or a network file system: see that that answers, then run it again",
      });
    }
  }
  // A process group keeps its number while it has members, so this cannot reach a stranger.
  send(-target.pid, "SIGKILL");
}

async function ended(
  target: Pick<DetachedProcess, "pid" | "startTime">,
  withinMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (await isAlive(target)) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS, undefined, signal ? { signal } : {});
  }
  return true;
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
