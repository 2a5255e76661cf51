import { statfs } from "node:fs/promises";
import { type Finding, not, ok } from "./Finding.ts";
import { formatBytes, GIB } from "./formatBytes.ts";
import { nearestFolder } from "./nearestFolder.ts";

/** What building all tools takes in the cache while it goes on; what is kept of them, and what a stack takes. */
const BUILDING = 12 * GIB;
const KEPT = 1 * GIB;

/** Free space that a user may use. */
type FreeSpace = (folder: string) => Promise<number>;

export interface DiskNeeds {
  readonly state: string;
  readonly cache: string;
  /** Whether tools are missing for which building is one of the ways. */
  readonly mayBuild: boolean;
}

/** Room for the tools and the stack, on the one or two file systems that hold them. */
export async function checkDisk({ state, cache, mayBuild }: DiskNeeds, free: FreeSpace = freeSpace): Promise<Finding> {
  const places = await Promise.all(
    [state, cache].map(async (folder) => ({ folder, bytes: await free(await nearestFolder(folder)) })),
  );
  const seen = places.map(({ folder, bytes }) => `${formatBytes(bytes)} free for ${folder}`).join(", ");
  if (places.some(({ bytes }) => bytes < KEPT))
    return not("problem", seen, `make room: ${formatBytes(KEPT)} are needed`);
  if (mayBuild && (places[1]?.bytes ?? 0) < BUILDING) {
    return not(
      "warning",
      seen,
      `enough where the tools can be downloaded; building them takes ${formatBytes(BUILDING)} once (XDG_CACHE_HOME names another place)`,
    );
  }
  return ok(seen);
}

async function freeSpace(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
