import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * Removes a folder of the stack, or a file; already gone is success.
 *
 * Folders that a process closed to its own user, as Argo CD's repo server does with its clones, are opened first: only root
 * could remove them otherwise. Links are not followed.
 */
export async function removeTree(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (found?.isDirectory()) await openFolder(path);
  await rm(path, { recursive: true, force: true });
}

async function openFolder(folder: string): Promise<void> {
  const mode = (await lstat(folder)).mode & 0o777;
  if ((mode & 0o700) !== 0o700) await chmod(folder, mode | 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await openFolder(join(folder, entry.name));
  }
}
