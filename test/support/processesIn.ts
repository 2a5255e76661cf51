import { readdir, readFile, readlink } from "node:fs/promises";

/** One process of a stack as the kernel shows it. */
export interface SeenProcess {
  readonly pid: number;
  readonly arguments: string;
  readonly environment: string;
}

/** Every process that works in a folder or below. */
export async function processesIn(directory: string): Promise<SeenProcess[]> {
  const seen: SeenProcess[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (!`${await readlink(`/proc/${entry}/cwd`)}/`.startsWith(`${directory}/`)) continue;
      const [commandLine, environment] = await Promise.all([
        readFile(`/proc/${entry}/cmdline`, "utf8"),
        readFile(`/proc/${entry}/environ`, "utf8"),
      ]);
      if (commandLine === "") continue;
      seen.push({ pid: Number(entry), arguments: commandLine.replaceAll("\0", " "), environment });
    } catch {
      // It ended while we looked, or belongs to somebody else.
    }
  }
  return seen;
}
