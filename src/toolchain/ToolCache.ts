import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../machine/exists.ts";

/**
 * The folders below `<cacheDir>`: `tools/<name>/<version>-<digest>/<name>` is a finished tool and appears by one rename;
 * `downloads/` holds partial downloads, which resume; `go/` holds Go's own caches while builds are outstanding.
 * A name that starts with a dot is unfinished work of a run, and is swept by the next one under the lock.
 */
export class ToolCache {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  get lockFile(): string {
    return join(this.directory, "tools.lock");
  }

  get downloads(): string {
    return join(this.directory, "downloads");
  }

  get goModules(): string {
    return join(this.directory, "go", "mod");
  }

  get goBuilds(): string {
    return join(this.directory, "go", "build");
  }

  pathOf(name: string, directory: string): string {
    return join(this.directory, "tools", name, directory, name);
  }

  /** `<name>/<directory>` of every finished tool. */
  async finished(names: readonly string[]): Promise<Set<string>> {
    const found = await Promise.all(
      names.map(async (name) => {
        const folders = await readdir(join(this.directory, "tools", name)).catch(() => []);
        const complete = await Promise.all(folders.map((folder) => exists(this.pathOf(name, folder))));
        return folders
          .filter((folder, index) => !folder.startsWith(".") && complete[index])
          .map((folder) => `${name}/${folder}`);
      }),
    );
    return new Set(found.flat());
  }

  /**
   * Makes a tool: `fill` puts it (a file or a folder of files) at the path that it is given, `check` may refuse it, then all
   * of it appears at once. A second one that is faster wins, and ours is dropped: both come from the same pin.
   */
  async make(name: string, directory: string, fill: (path: string) => Promise<void>): Promise<string> {
    const parent = join(this.directory, "tools", name);
    const draft = join(parent, `.${directory}.${process.pid}-${randomBytes(4).toString("hex")}`);
    await mkdir(draft, { recursive: true });
    try {
      const path = join(draft, name);
      await fill(path);
      if ((await lstat(path)).isFile()) await chmod(path, 0o755);
      await rename(draft, join(parent, directory)).catch(async (error: unknown) => {
        if (!(await exists(this.pathOf(name, directory)))) throw error;
      });
      return this.pathOf(name, directory);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  /** A folder for work whose result is not kept; removed whatever happens. */
  async scratch<T>(use: (directory: string) => Promise<T>): Promise<T> {
    const directory = join(this.directory, `.work-${process.pid}-${randomBytes(4).toString("hex")}`);
    await mkdir(directory, { recursive: true });
    try {
      return await use(directory);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** Removes what killed runs left unfinished. Only under the lock. */
  async sweep(): Promise<void> {
    const remove = async (folder: string, prefix: string) => {
      for (const name of await readdir(folder).catch(() => [])) {
        if (name.startsWith(prefix)) await rm(join(folder, name), { recursive: true, force: true, maxRetries: 3 });
      }
    };
    await remove(this.directory, ".work-");
    const tools = join(this.directory, "tools");
    for (const name of await readdir(tools).catch(() => [])) await remove(join(tools, name), ".");
  }

  hasLeftovers(): Promise<boolean> {
    return exists(join(this.directory, "go"));
  }

  /**
   * Drops Go's caches and the downloads once nothing is outstanding: gigabytes that nothing needs any more. Only under the lock.
   * (The module cache is writable, see GoToolchain, else it could not be removed.) A build that outlived its killed parent may
   * still write there: what cannot be removed now is removed next time.
   */
  async dropBuildCaches(): Promise<void> {
    const options = { recursive: true, force: true, maxRetries: 3 };
    await rm(join(this.directory, "go"), options).catch(() => undefined);
    await rm(this.downloads, options).catch(() => undefined);
  }
}
