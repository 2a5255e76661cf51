import { access, chmod, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { makeFolder } from "../../machine/makeFolder.ts";

/** Throws `STATE_UNUSABLE` unless the folder, or the one that it would be made in, may be written to. Makes nothing. */
export async function checkStateFolder(directory: string): Promise<void> {
  for (let path = directory; ; path = dirname(path)) {
    try {
      if (!(await stat(path)).isDirectory()) throw unusable(directory, `${path} is not a folder`);
      await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
      return;
    } catch (error) {
      if (codeOf(error) !== "ENOENT" || path === dirname(path)) throw explained(directory, error);
    }
  }
}

/** Makes the folder where there is none, and takes it from everybody else. Throws `STATE_UNUSABLE`. */
export async function makeStateFolder(directory: string): Promise<void> {
  await checkStateFolder(directory);
  try {
    await makeFolder(directory, 0o700);
    // One that was there already, made by a person with the modes of their shell.
    await chmod(directory, 0o700);
  } catch (error) {
    throw explained(directory, error);
  }
}

/** Of errno(3), what a person who names another folder need not care about. */
const REASONS: Readonly<Record<string, string>> = {
  ENOTDIR: "part of its path is not a folder",
  EEXIST: "part of its path is not a folder",
  ENOENT: "part of its path is not a folder",
  ELOOP: "its path has too many links",
  ENAMETOOLONG: "its path is too long",
  EACCES: "you may not write to it",
  EPERM: "it is not yours",
  EROFS: "it is on a file system that is read-only",
};

function explained(directory: string, error: unknown): unknown {
  const reason = REASONS[codeOf(error)];
  return reason === undefined ? error : unusable(directory, reason, error);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}

function unusable(directory: string, reason: string, cause?: unknown): DayzeroError {
  return new DayzeroError("STATE_UNUSABLE", `cannot keep a stack in ${directory}: ${reason}`, {
    cause,
    hint: "name a folder that you may write to with --state",
  });
}
