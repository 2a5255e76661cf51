import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder } from "./makeFolder.ts";

/**
 * Writes a file so that a reader, or a crash at any point, sees the old content or the new one and nothing else.
 *
 * Missing folders are made with mode 0700. The file has `mode` from its first byte on, whatever the umask.
 */
export async function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const folder = dirname(path);
  await makeFolder(folder, 0o700);
  const draft = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.new`;
  try {
    const file = await open(draft, "wx", mode & 0o600);
    try {
      await file.writeFile(content);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** A rename outlives a power cut only once its folder is on the disk. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
