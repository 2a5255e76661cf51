import { access, constants } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { DayzeroError } from "../config/DayzeroError.ts";
import type { Run } from "./Run.ts";

/** The person's git: the one program that is not pinned, because theirs is the one that reaches their forge. */
export async function findGit(run: Pick<Run, "environment">): Promise<string> {
  const folders = (run.environment.PATH ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
  for (const folder of folders) {
    const path = join(folder, "git");
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  throw new DayzeroError("GIT_MISSING", "cannot find git on PATH", { hint: "install git and run it again" });
}
