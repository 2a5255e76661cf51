import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { startOf } from "./FileLock.ts";

/** A server of this stack that runs on its own, as its pid file names it. */
export interface DetachedProcess {
  readonly pid: number;
  /** When it started; only good for comparing. */
  readonly startTime: string;
  /** Digest of what it was started as. */
  readonly digest: string;
}

/** When a process started, in a form only good for comparing; `undefined` when there is none, or it is a zombie. */
export const processStartTime = startOf;

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

async function readStat(file: string): Promise<{ startTime: string | undefined; ended: boolean } | undefined> {
  const line = await readFile(file, "utf8").catch(() => undefined);
  return line === undefined ? undefined : parseStat(line);
}

/** proc_pid_stat(5): field 2 is the command in parentheses and may hold anything, so fields count from its last parenthesis. */
function parseStat(line: string): { startTime: string | undefined; ended: boolean } {
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return { startTime: fields[19], ended: /^[ZXx]$/.test(fields[0] ?? "") };
}

/**
 * The process that a pid file names, if it is alive and ours; `undefined` otherwise.
 *
 * Ours means: started in this boot, at the recorded time, and (where /proc tells) working in `directory` or below. The last
 * keeps a copied state folder from laying hands on the processes of the original.
 */
export async function findDetached(pidFile: string, directory: string): Promise<DetachedProcess | undefined> {
  const text = await readFile(pidFile, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  const recorded = text === undefined ? undefined : parsePidFile(text);
  if (recorded === undefined) return undefined;
  const { boot, ...process } = recorded;
  if (boot !== (await bootId()) || !(await isAlive(process))) return undefined;
  return (await worksBelow(process.pid, directory)) ? process : undefined;
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

/** Start times count from boot on Linux and would repeat after the next one. */
async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
}

async function worksBelow(pid: number, directory: string): Promise<boolean> {
  if (process.platform !== "linux") return true;
  const top = await realpath(directory);
  try {
    const folder = await readlink(`/proc/${pid}/cwd`);
    return folder === top || folder.startsWith(`${top}/`);
  } catch (error) {
    // A program with capabilities of its own hides its folder; pid, start time and boot have told already.
    return (error as NodeJS.ErrnoException).code === "EACCES";
  }
}
