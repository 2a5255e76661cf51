import { readdir, readlink, realpath } from "node:fs/promises";
import { bootId, parseStat, processStartTime, readStat } from "./processIdentity.ts";
import { readIfThere } from "./readIfThere.ts";

/** A server of this stack that runs on its own, as its pid file names it. */
export interface DetachedProcess {
  readonly pid: number;
  /** When it started; only good for comparing. */
  readonly startTime: string;
  /** Digest of what it was started as. */
  readonly digest: string;
}

/**
 * Whether it is still this very process: a pid that the system has since given to another one does not count, nor does a zombie.
 * One whose main thread has ended counts while another thread of it lives: until then its ports and files are not free.
 */
export async function isAlive({ pid, startTime }: Pick<DetachedProcess, "pid" | "startTime">): Promise<boolean> {
  if (process.platform !== "linux") return (await processStartTime(pid)) === startTime;
  const main = await readStat(`/proc/${pid}/stat`);
  if (main?.startTime !== startTime) return false;
  if (!main.ended) return true;
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const read = await Promise.all(threads.map((thread) => readStat(`/proc/${pid}/task/${thread}/stat`)));
  return read.some((thread) => thread !== undefined && !thread.ended);
}

/**
 * The process that a pid file names, if it is alive and ours; `undefined` otherwise.
 *
 * Ours means: started in this boot, at the recorded time, and (where /proc tells) working in `directory` or below. The last
 * keeps a copied state folder from laying hands on the processes of the original.
 */
export async function findDetached(pidFile: string, directory: string): Promise<DetachedProcess | undefined> {
  const text = await readIfThere(pidFile);
  const recorded = text === undefined ? undefined : parsePidFile(text);
  if (recorded === undefined) return undefined;
  const { boot, ...process } = recorded;
  if (boot !== (await bootId()) || !(await isAlive(process))) return undefined;
  return (await worksBelow(process, directory)) ? process : undefined;
}

/**
 * The pid file as the launcher wrote it: pid, digest, boot id, and a line that holds the start time: the process's own
 * /proc/PID/stat, or `ps -o lstart=`.
 */
function parsePidFile(text: string): (DetachedProcess & { boot: string }) | undefined {
  const [pid = "", digest = "", boot = "", start = ""] = text.split("\n");
  const startTime = start.includes(")") ? parseStat(start).startTime : start.trim();
  if (!/^\d+$/.test(pid) || digest === "" || !startTime) return undefined;
  return { pid: Number(pid), digest, boot: boot.trim(), startTime };
}

async function worksBelow(found: DetachedProcess, directory: string): Promise<boolean> {
  if (process.platform !== "linux") return true;
  const top = await realpath(directory);
  try {
    const folder = await readlink(`/proc/${found.pid}/cwd`);
    return folder === top || folder.startsWith(`${top}/`);
  } catch (error) {
    // A program with capabilities of its own hides its folder; pid, start time and boot have told already.
    const { code } = error as NodeJS.ErrnoException;
    // One that was killed has no folder any more while its last threads end, and still listens until they have.
    return code === "EACCES" || (code === "ENOENT" && isAlive(found));
  }
}
