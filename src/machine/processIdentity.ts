import { execFile } from "node:child_process";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { promisify } from "node:util";

/** What tells this machine, in this boot, from another one. */
export interface MachineIdentity {
  readonly host: string;
  /** Linux boot id and pid namespace; "" where there is none. */
  readonly boot: string;
  readonly namespace: string;
}

export async function machineIdentity(): Promise<MachineIdentity> {
  const [boot, namespace] = await Promise.all([bootId(), readlink("/proc/self/ns/pid").catch(() => "")]);
  return { host: hostname(), boot, namespace };
}

/** Start times count from boot on Linux and would repeat after the next one. "" where there is none. */
export async function bootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
}

/** When a process started, in a form only good for comparing; `undefined` when there is none, or it is a zombie. */
export async function processStartTime(pid: number): Promise<string | undefined> {
  if (process.platform === "linux") {
    const stat = await readStat(`/proc/${pid}/stat`);
    return stat === undefined || stat.ended ? undefined : stat.startTime;
  }
  const ps = promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)], {
    env: { LC_ALL: "C", TZ: "UTC", PATH: "/bin:/usr/bin" },
  });
  return ps.then(({ stdout }) => stdout.trim() || undefined).catch(() => undefined);
}

/** Whether any process has this pid now, ours or not. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

export interface ProcessStat {
  readonly startTime: string | undefined;
  /** A zombie, or about to be none at all. */
  readonly ended: boolean;
  readonly parent: number;
  /** The process that leads its session. */
  readonly session: number;
  readonly hasTerminal: boolean;
}

/** Of a process or a thread, by its file below /proc; `undefined` when it is gone. */
export async function readStat(file: string): Promise<ProcessStat | undefined> {
  const line = await readFile(file, "utf8").catch(() => undefined);
  return line === undefined ? undefined : parseStat(line);
}

/** proc_pid_stat(5): field 2 is the command in parentheses and may hold anything, so fields count from its last parenthesis. */
export function parseStat(line: string): ProcessStat {
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return {
    startTime: fields[19],
    ended: /^[ZXx]$/.test(fields[0] ?? ""),
    parent: Number(fields[1]),
    session: Number(fields[3]),
    hasTerminal: fields[4] !== "0",
  };
}
