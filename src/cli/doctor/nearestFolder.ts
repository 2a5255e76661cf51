import { stat } from "node:fs/promises";
import { dirname } from "node:path";

/** The path, or where it is not there yet the nearest folder above it that is. */
export async function nearestFolder(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined || path === dirname(path) ? path : nearestFolder(dirname(path));
}
