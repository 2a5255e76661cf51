import { statfs } from "node:fs/promises";
import type { StackLayout } from "./StackLayout.ts";

/** Too little for the next entry, which a whole policy may be a part of. */
const ROOM_BYTES = 64 * 1024;

/** Why the embedded Vault cannot write its audit log, without which it answers nothing; `undefined` where it can, or nobody can tell. */
export async function auditLogProblem({ logs }: StackLayout): Promise<string | undefined> {
  const disk = await statfs(logs).catch(() => undefined);
  if (disk === undefined) return undefined;
  // What a file system keeps back is for root.
  const blocks = process.getuid?.() === 0 ? disk.bfree : disk.bavail;
  return blocks * disk.bsize < ROOM_BYTES ? `the disk of ${logs} is full` : undefined;
}
