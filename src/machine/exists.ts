import { lstat } from "node:fs/promises";

/** Whether there is anything at `path`, a link to nothing included; throws when that cannot be told. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}
