import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { processesIn } from "../support/processesIn.ts";

let ticksASecond: number | undefined;

/** Seconds of processor time that this process's ended children, and theirs, have used so far (proc_pid_stat(5): cutime and cstime). */
export async function secondsOfChildren(): Promise<number> {
  return seconds(await fields("self"), [13, 14]);
}

/** Seconds of processor time that the processes of a folder have used so far, with their ended children. */
export async function secondsOfServers(directory: string): Promise<number> {
  const found = await processesIn(directory);
  const used = found.map(async ({ pid }) => seconds(await fields(String(pid)), [11, 12, 13, 14]));
  return (await Promise.all(used)).reduce((sum, one) => sum + one, 0);
}

async function fields(pid: string): Promise<string[]> {
  const line = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return line.slice(line.lastIndexOf(")") + 2).split(" ");
}

function seconds(stat: readonly string[], columns: readonly number[]): number {
  ticksASecond ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return columns.reduce((sum, column) => sum + Number(stat[column] ?? 0), 0) / ticksASecond;
}
