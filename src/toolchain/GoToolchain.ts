import { access, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DayzeroError } from "../config/DayzeroError.ts";
import { sha256Of } from "./Downloads.ts";
import { runTool } from "./runTool.ts";
import type { ToolCache } from "./ToolCache.ts";
import type { SourceOf } from "./ToolchainLock.ts";

export interface GoToolchainOptions {
  cache: ToolCache;
  /** bootstrap/toolchain/go: one folder for each module, with its go.mod and go.sum. */
  modules: string;
  environment: Record<string, string>;
  /** The oldest Go that will do, like "1.26". */
  minimum: string;
  signal?: AbortSignal;
}

/** Builds from Go modules with the Go that is on PATH; go.sum says which sources are the right ones. */
export class GoToolchain {
  readonly #options: GoToolchainOptions;
  #checked: Promise<void> | undefined;

  constructor(options: GoToolchainOptions) {
    this.#options = options;
  }

  /**
   * Builds several packages of one module by one `go build` and returns the binary of each, below `directory`.
   * They must be wanted with the same linker flags.
   */
  async build(
    sources: readonly SourceOf<"go-build">[],
    directory: string,
    onLine: (line: string) => void,
  ): Promise<Map<string, string>> {
    const [first] = sources;
    if (first === undefined) return new Map();
    await this.#requireGo();
    const packages = sources.map((source) => source.package);
    await this.#go({
      arguments: [
        "build",
        "-v",
        "-mod=readonly",
        "-trimpath",
        "-ldflags",
        first.ldflags,
        "-o",
        `${directory}/`,
        ...packages,
      ],
      directory: join(this.#options.modules, first.module),
      attempted: `cannot build ${packages.join(" and ")}`,
      onLine,
    });
    return new Map(packages.map((one) => [one, join(directory, binaryName(one))]));
  }

  /** Downloads a module's archive and copies the pinned files out of it into `target`. */
  async extract(source: SourceOf<"go-module">, target: string, onLine: (line: string) => void): Promise<void> {
    await this.#requireGo();
    const module = `${source.module}@${source.moduleVersion}`;
    const attempted = `cannot download Go module ${module}`;
    const from = join(this.#options.cache.goModules, `${escaped(source.module)}@${source.moduleVersion}`);
    try {
      await this.#go({ arguments: ["mod", "download", "-json", module], directory: target, attempted, onLine });
    } catch (error) {
      // A module that wants a newer Go is downloaded, verified and unpacked all the same, and only files are wanted.
      this.#options.signal?.throwIfAborted();
      await access(from).catch(() => {
        throw error;
      });
    }
    for (const [name, file] of Object.entries(source.files)) {
      const actual = await sha256Of(join(from, file.path));
      if (actual !== file.sha256) {
        throw new DayzeroError(
          "DOWNLOAD_DIGEST_MISMATCH",
          `cannot trust ${file.path} of ${module}: its SHA-256 is ${actual}, not ${file.sha256}`,
          {
            hint: "correct the digest in the toolchain lock only if you know why it changed",
          },
        );
      }
      await copyFile(join(from, file.path), join(target, name));
    }
  }

  async #go(run: {
    arguments: string[];
    directory: string;
    attempted: string;
    onLine: (line: string) => void;
  }): Promise<string> {
    const { cache, signal } = this.#options;
    await Promise.all([mkdir(cache.goModules, { recursive: true }), mkdir(cache.goBuilds, { recursive: true })]);
    return runTool({
      command: "go",
      ...run,
      environment: this.#environment(),
      hint: "check that Go's module proxy is reachable (GOPROXY) and that the disk has 12 GB free, then run again: what was built is kept",
      ...(signal ? { signal } : {}),
    });
  }

  /** Caches of our own, writable so that they can be dropped; no newer Go is downloaded behind the person's back. */
  #environment(): Record<string, string> {
    const { cache, environment } = this.#options;
    return {
      ...environment,
      GOMODCACHE: cache.goModules,
      GOCACHE: cache.goBuilds,
      GOFLAGS: "-modcacherw -buildvcs=false",
      GOTOOLCHAIN: "local",
      GOWORK: "off",
      CGO_ENABLED: "0",
    };
  }

  #requireGo(): Promise<void> {
    this.#checked ??= this.#check();
    return this.#checked;
  }

  async #check(): Promise<void> {
    const { minimum, signal } = this.#options;
    const hint = `install Go ${minimum} or newer, or make the releases reachable, or name a mirror`;
    const output = await runTool({
      command: "go",
      arguments: ["env", "GOVERSION"],
      environment: this.#environment(),
      attempted: "cannot build from source",
      hint,
      ...(signal ? { signal } : {}),
    });
    const [major = 0, minor = 0] = minimum.split(".").map(Number);
    const seen = /^go(\d+)\.(\d+)/.exec(output.trim());
    const enough = seen && (Number(seen[1]) > major || (Number(seen[1]) === major && Number(seen[2]) >= minor));
    if (!enough)
      throw new DayzeroError(
        "TOOL_MISSING",
        `cannot build from source: go is ${output.trim()}, not ${minimum} or newer`,
        { hint },
      );
  }
}

/** What `go build` calls the binary of a package: its last path element that is not a major version. */
function binaryName(packagePath: string): string {
  const parts = packagePath.split("/");
  const last = parts.at(-1) ?? "";
  return /^v[0-9]+$/.test(last) ? (parts.at(-2) ?? last) : last;
}

/** A module path as the module cache spells it: upper case is written as `!` and lower case (go.dev/ref/mod#module-cache). */
function escaped(module: string): string {
  return module.replaceAll(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
}
