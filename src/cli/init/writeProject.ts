import { realpath, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { makeFolder } from "../../machine/makeFolder.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import type { PlannedFile } from "./planProject.ts";

/** Writes all files or, when one cannot be written, leaves the folder as it was. Throws `PROJECT_UNWRITABLE`. */
export async function writeProject(folder: string, files: readonly PlannedFile[]): Promise<void> {
  const undo: (() => Promise<unknown>)[] = [];
  try {
    for (const { path: name, before, after } of files) {
      const path = join(folder, name);
      const made = await makeFolder(dirname(path));
      if (made !== undefined) undo.push(() => rm(made, { recursive: true }));
      if (before === undefined) {
        await writeFileAtomic(path, after, 0o644);
        undo.push(() => rm(path));
      } else {
        // The file itself, where the name is a link to it.
        const file = await realpath(path);
        const { mode } = await stat(file);
        await writeFileAtomic(file, after, mode & 0o777);
        undo.push(() => writeFileAtomic(file, before, mode & 0o777));
      }
    }
  } catch (cause) {
    for (const step of undo.reverse()) await step().catch(() => undefined);
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new DayzeroError("PROJECT_UNWRITABLE", `cannot write to ${folder}: ${reason}; nothing was changed`, {
      cause,
      hint: "name a folder that you may write to",
    });
  }
}
