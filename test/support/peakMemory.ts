import { readFile } from "node:fs/promises";

/**
 * Watches a process and its children until it ends; resolves to the sum of their peak resident sets in MB (VmHWM, Linux), an upper
 * bound of what they held together.
 */
export async function peakMemory(pid: number): Promise<number> {
  const peaks = new Map<number, number>();
  for (;;) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => undefined);
    if (children === undefined) break;
    for (const seen of [pid, ...children.split(" ").filter(Boolean).map(Number)]) {
      const [status, command] = await Promise.all(
        ["status", "cmdline"].map((file) => readFile(`/proc/${seen}/${file}`, "utf8").catch(() => "")),
      );
      const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status ?? "")?.[1];
      // The servers that it starts are its children too, while it runs; only its program is a part of it.
      const words = command?.split("\0") ?? [];
      const isOwn = seen === pid || words.some((word) => word.endsWith("/programEntry.ts"));
      if (kilobytes !== undefined && isOwn) peaks.set(seen, Number(kilobytes));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return Math.round([...peaks.values()].reduce((sum, peak) => sum + peak, 0) / 1024);
}
