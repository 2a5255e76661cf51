import { copyFile, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { DayzeroError } from "../config/DayzeroError.ts";
import type { Downloads } from "./Downloads.ts";
import type { GoToolchain } from "./GoToolchain.ts";
import type { PythonPackages } from "./PythonPackages.ts";
import type { Attempt } from "./planToolchain.ts";
import { runTool } from "./runTool.ts";
import type { ToolCache } from "./ToolCache.ts";
import type { Platform, ReleaseFile, Source, SourceOf } from "./ToolchainLock.ts";

export interface ToolMakerOptions {
  cache: ToolCache;
  downloads: Downloads;
  go: GoToolchain;
  python: PythonPackages;
  platform: Platform;
  mirror: boolean;
  environment: Record<string, string>;
  signal?: AbortSignal;
}

/** Puts tools where it is told to, by the way that it is told: one method for each kind of source. */
export class ToolMaker {
  readonly #options: ToolMakerOptions;

  constructor(options: ToolMakerOptions) {
    this.#options = options;
  }

  /** Puts the tool at `target`; `go-build` has a method of its own, as it makes several at once. */
  async fill(attempt: Attempt, target: string, onLine: (line: string) => void): Promise<void> {
    const { source } = attempt;
    switch (source.kind) {
      case "release":
        return this.#release(source, attempt.how, target, onLine);
      case "release-set": {
        await mkdir(target);
        for (const [name, file] of Object.entries(source.files)) {
          await copyFile(await this.#fetch(file, attempt.how), join(target, name));
        }
        return;
      }
      case "go-module":
        await mkdir(target);
        return this.#options.go.extract(source, target, onLine);
      case "wheel":
        return this.#options.cache.scratch(async (scratch) =>
          copyFile(await this.#options.python.wheel(source, scratch, onLine), target),
        );
      case "make":
        return this.#make(source, target, onLine);
      case "go-build":
        return this.#options.cache.scratch(async (scratch) => {
          const built = await this.#options.go.build([source], scratch, onLine);
          await copyFile(built.get(source.package) ?? "", target);
        });
    }
  }

  async #release(source: SourceOf<"release">, how: Attempt["how"], target: string, onLine: (line: string) => void) {
    const file = source.files[this.#options.platform];
    if (file === undefined) throw new RangeError(`no release for ${this.#options.platform}`);
    const archive = await this.#fetch(file, how);
    const { member } = file;
    if (member === undefined) return copyFile(archive, target);
    await this.#options.cache.scratch(async (scratch) => {
      await this.#unpack(archive, scratch, [member], onLine);
      await copyFile(join(scratch, member), target);
    });
  }

  async #make(source: SourceOf<"make">, target: string, onLine: (line: string) => void): Promise<void> {
    const { archive } = source;
    await this.#options.cache.scratch(async (scratch) => {
      const file =
        "requirements" in archive
          ? await this.#options.python.sourceArchive(archive.requirements, scratch, onLine)
          : await this.#sourceRelease(archive, onLine);
      await this.#unpack(file, scratch, [], onLine);
      const folder = join(scratch, source.folder);
      await this.#run(
        "make",
        ["-j2", ...source.arguments],
        folder,
        "install make and a C compiler, then run again",
        onLine,
      );
      await copyFile(join(folder, source.member), target);
    });
  }

  async #sourceRelease(file: ReleaseFile, onLine: (line: string) => void): Promise<string> {
    if (!this.#options.mirror) return this.#fetch(file, "release");
    return this.#fetch(file, "mirror").catch((error: unknown) => {
      if (!(error instanceof DayzeroError) || error.code !== "DOWNLOAD_FAILED") throw error;
      onLine(`${error.message}; trying the release instead`);
      return this.#fetch(file, "release");
    });
  }

  #fetch(file: ReleaseFile, how: Attempt["how"]): Promise<string> {
    return how === "mirror" ? this.#options.downloads.mirrored(file) : this.#options.downloads.release(file);
  }

  /** System tar; that of macOS reads zip archives as well. */
  #unpack(archive: string, directory: string, members: string[], onLine: (line: string) => void): Promise<string> {
    const hint = "remove the download and run again; check that tar is installed";
    return this.#run("tar", ["-xf", archive, ...members], directory, hint, onLine);
  }

  #run(
    command: string,
    arguments_: string[],
    directory: string,
    hint: string,
    onLine: (line: string) => void,
  ): Promise<string> {
    const { environment, signal } = this.#options;
    const attempted = `cannot run ${command} in ${basename(directory)}`;
    return runTool({
      command,
      arguments: arguments_,
      directory,
      environment,
      attempted,
      hint,
      onLine,
      ...(signal ? { signal } : {}),
    });
  }
}

/** The tools that one `go build` makes together: same module, same flags. */
export function buildsTogether(one: Source, other: Source): boolean {
  return (
    one.kind === "go-build" && other.kind === "go-build" && one.module === other.module && one.ldflags === other.ldflags
  );
}
