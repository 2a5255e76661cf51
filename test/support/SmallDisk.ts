import { execFile } from "node:child_process";
import { appendFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const CHUNK = Buffer.alloc(64 * 1024);

/** A file system in memory over a folder, small enough to be filled. Mounting one takes root on Linux: {@link SmallDisk.reason} says why not. */
export class SmallDisk {
  readonly folder: string;
  readonly #filler: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.#filler = join(folder, "filler");
  }

  /** Why none can be mounted here; undefined where one can. */
  static async reason(): Promise<string | undefined> {
    if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root on Linux may mount a small disk";
    // A container may lack the capability that goes with it.
    return run("unshare", ["--mount", "true"]).then(
      () => undefined,
      () => "this root may not mount",
    );
  }

  static async mount(folder: string, size: string): Promise<SmallDisk> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await run("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0700`, "tmpfs", folder]);
    return new SmallDisk(folder);
  }

  /** Takes all the room that is left. */
  async fill(): Promise<void> {
    for (let size = CHUNK.length; size >= 1; ) {
      try {
        await appendFile(this.#filler, CHUNK.subarray(0, size));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        size = Math.floor(size / 2);
      }
    }
  }

  async makeRoom(): Promise<void> {
    await rm(this.#filler, { force: true });
  }

  /** Whoever still has a file of it open keeps it, unseen. */
  async unmount(): Promise<void> {
    await run("umount", ["--lazy", this.folder]);
  }
}
