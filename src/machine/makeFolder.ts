import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a folder, and those that it lacks above; resolves with the first one that was made.
 *
 * Node's recursive `mkdir` never ends below /proc: nothing can be made there in a folder that exists, and the error is ENOENT.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<string | undefined> {
  try {
    return await makeOne(path, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || dirname(path) === path) throw error;
  }
  const above = await makeFolder(dirname(path), mode);
  const own = await makeOne(path, mode);
  return above ?? own;
}

async function makeOne(path: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(path, { mode });
    return path;
  } catch (error) {
    if ((await stat(path).catch(() => undefined))?.isDirectory()) return undefined;
    throw error;
  }
}
