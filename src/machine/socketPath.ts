import { relative } from "node:path";
import { DayzeroError } from "../config/DayzeroError.ts";

/** `sun_path` of unix(7) is 108 bytes with its end mark; 104 on macOS. */
const LIMIT = process.platform === "darwin" ? 103 : 107;

/** The shorter of the two ways to name a Unix socket from here; throws `SOCKET_PATH_TOO_LONG` when both are too long for the system. */
export function socketPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  const shortest = fromHere.length < path.length ? fromHere : path;
  const length = Buffer.byteLength(shortest);
  if (length <= LIMIT) return shortest;
  throw new DayzeroError(
    "SOCKET_PATH_TOO_LONG",
    `cannot use the socket ${path}: its path has ${length} bytes, the system allows ${LIMIT}`,
    {
      hint: "keep the stack's folder at a shorter path",
    },
  );
}
