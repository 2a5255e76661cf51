import { readFile } from "node:fs/promises";

/** How large a core dump of a process may be, as the kernel tells it: bytes, or `unlimited`; `ulimit -c 0` makes both `0`. */
export async function coreLimit(pid: number | "self"): Promise<{ soft: string; hard: string }> {
  const limits = await readFile(`/proc/${pid}/limits`, "utf8");
  const [, soft = "", hard = ""] = /^Max core file size +(\S+) +(\S+)/m.exec(limits) ?? [];
  return { soft, hard };
}
