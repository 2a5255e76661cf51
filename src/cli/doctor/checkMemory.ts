import { type Finding, not, ok } from "./Finding.ts";
import { formatBytes, GIB } from "./formatBytes.ts";

/** What the servers of an embedded stack and `up` take together; of an existing cluster only `up` runs here. */
const LOCAL = 2 * GIB;
const EXISTING = 0.5 * GIB;

/** `available`: bytes that this process may still get (`process.availableMemory()`), limits of a container included. */
export function checkMemory(available: number, program: "local" | "existing"): Finding {
  const needed = program === "local" ? LOCAL : EXISTING;
  const seen = `${formatBytes(available)} available`;
  if (available >= needed) return ok(seen);
  return not("warning", seen, `${formatBytes(needed)} are advisable: else the system may end processes of the stack`);
}
