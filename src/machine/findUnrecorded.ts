import { readdir, readlink, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import type { DetachedProcess } from "./DetachedProcess.ts";
import { readStat } from "./processIdentity.ts";

/** A server of a stack that was found without its pid file. */
export interface UnrecordedProcess extends Pick<DetachedProcess, "pid" | "startTime"> {
  /** As which process of the stack it was started. */
  readonly name: string;
}

/**
 * The servers that were started for the stack in `directory` and live, whatever the pid files say; none where /proc does not tell.
 *
 * Known by what `startDetached` gives a server and no shell in that folder has: this user, the folder (or one below) to work in, a
 * session of its own without a terminal, nothing to read, and both outputs in `logs/<name>.log` of the folder. Unlike arguments and
 * environment, which a program may overwrite (Redis does), these stay.
 */
export async function findUnrecorded(directory: string): Promise<UnrecordedProcess[]> {
  if (process.platform !== "linux") return [];
  const top = await realpath(directory).catch(() => undefined);
  if (top === undefined) return [];
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return (await Promise.all(pids.map((pid) => inspect(Number(pid), top)))).flat();
}

async function inspect(pid: number, top: string): Promise<UnrecordedProcess[]> {
  const link = (path: string) => readlink(`/proc/${pid}/${path}`).catch(() => "");
  const cwd = await link("cwd");
  if (cwd !== top && !cwd.startsWith(top + sep)) return [];
  const [input, output, errors, found, owner] = await Promise.all([
    link("fd/0"),
    link("fd/1"),
    link("fd/2"),
    readStat(`/proc/${pid}/stat`),
    stat(`/proc/${pid}`).catch(() => undefined),
  ]);
  const name = processOfLog(output, join(top, "logs") + sep);
  if (name === undefined || errors !== output || input !== "/dev/null" || owner?.uid !== process.getuid?.()) return [];
  if (found?.startTime === undefined || found.ended || found.session !== pid || found.hasTerminal) return [];
  return [{ name, pid, startTime: found.startTime }];
}

function processOfLog(file: string, logs: string): string | undefined {
  if (!file.startsWith(logs)) return undefined;
  return /^([a-z0-9][a-z0-9-]*)\.log(?: \(deleted\))?$/.exec(file.slice(logs.length))?.[1];
}
