import { chmod, copyFile } from "node:fs/promises";
import { join } from "node:path";
import { DayzeroError } from "../config/DayzeroError.ts";
import { Downloads } from "./Downloads.ts";
import type { Tool, ToolchainOptions } from "./ensureTools.ts";
import { versionOf } from "./findOnPath.ts";
import { GoToolchain } from "./GoToolchain.ts";
import { PythonPackages } from "./PythonPackages.ts";
import type { Attempt, PlannedTool } from "./planToolchain.ts";
import type { ToolCache } from "./ToolCache.ts";
import type { Pin, Platform } from "./ToolchainLock.ts";
import { buildsTogether, ToolMaker } from "./ToolMaker.ts";

type Missing = Extract<PlannedTool, { kind: "missing" }>;

/** One run over what is missing, under the cache's lock: downloads and wheels side by side, builds one after another. */
export class ToolchainRun {
  readonly #options: ToolchainOptions;
  readonly #cache: ToolCache;
  readonly #maker: ToolMaker;
  readonly #go: GoToolchain;
  readonly #made = new Map<string, Tool>();
  /** Tools whose earlier ways have all failed, so that only a build is left. */
  readonly #awaitingBuild = new Map<string, { pin: Pin; attempt: Attempt }>();
  #lastBuild: Promise<unknown> = Promise.resolve();
  /** Of each tool: resolves when it waits for a build, or has ended without one. */
  readonly #decided = new Map<string, PromiseWithResolvers<void>>();

  constructor(options: ToolchainOptions, cache: ToolCache, platform: Platform) {
    this.#options = options;
    this.#cache = cache;
    const { environment, lock, mirror } = options;
    const shared = { environment, ...(options.signal ? { signal: options.signal } : {}) };
    this.#go = new GoToolchain({ ...shared, cache, modules: join(lock.directory, "go"), minimum: lock.go });
    this.#maker = new ToolMaker({
      ...shared,
      cache,
      platform,
      go: this.#go,
      python: new PythonPackages({ ...shared, platform, requirements: join(lock.directory, "pip") }),
      downloads: new Downloads({ ...shared, directory: cache.downloads, ...(mirror === undefined ? {} : { mirror }) }),
      mirror: mirror !== undefined,
    });
  }

  async run(missing: readonly Missing[]): Promise<Map<string, Tool>> {
    for (const { pin } of missing) this.#decided.set(pin.name, Promise.withResolvers());
    const ensured = missing.map((tool) =>
      this.#ensure(tool).finally(() => this.#decided.get(tool.pin.name)?.resolve()),
    );
    const results = await Promise.allSettled(ensured);
    for (const result of results) if (result.status === "rejected") throw result.reason;
    return this.#made;
  }

  async #ensure({ pin, attempts }: Missing): Promise<void> {
    const failures: DayzeroError[] = [];
    for (const [index, attempt] of attempts.entries()) {
      try {
        if (attempt.how === "build") await this.#inBuildLane(pin, attempt);
        else await this.#tell(pin, attempt, () => this.#make(pin, attempt));
        return;
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        if (!(error instanceof DayzeroError) || error.code === "DOWNLOAD_DIGEST_MISMATCH") throw error;
        failures.push(error);
        const next = attempts[index + 1];
        if (next) this.#say(pin, `${firstLine(error)}; trying ${next.how} instead`);
      }
    }
    throw summary(pin, failures);
  }

  /** Two cores are busy with one Go build; more than one at a time only compete for memory. */
  async #inBuildLane(pin: Pin, attempt: Attempt): Promise<void> {
    this.#awaitingBuild.set(pin.name, { pin, attempt });
    this.#decided.get(pin.name)?.resolve();
    // Tools of one module are built together, so wait until each knows whether it must be built.
    const related = this.#options.lock.pins.filter((other) =>
      other.sources.some((one) => buildsTogether(attempt.source, one)),
    );
    await Promise.all(related.map((other) => this.#decided.get(other.name)?.promise));
    const turn = this.#lastBuild.then(async () => {
      if (this.#made.has(pin.name)) return;
      this.#options.signal?.throwIfAborted();
      const together = [...this.#awaitingBuild.values()].filter(
        (other) =>
          other.pin.name === pin.name ||
          (!this.#made.has(other.pin.name) && buildsTogether(attempt.source, other.attempt.source)),
      );
      if (together.length > 1) await this.#buildTogether(together);
      else await this.#tell(pin, attempt, () => this.#make(pin, attempt));
    });
    this.#lastBuild = turn.catch(() => undefined);
    await turn.finally(() => this.#awaitingBuild.delete(pin.name));
  }

  async #buildTogether(group: { pin: Pin; attempt: Attempt }[]): Promise<void> {
    const names = group.map(({ pin }) => pin.name).join(" and ");
    const sources = group.flatMap(({ attempt }) => (attempt.source.kind === "go-build" ? [attempt.source] : []));
    await this.#cache.scratch(async (scratch) => {
      const built = await this.#tellAll(group, () =>
        this.#go.build(sources, scratch, (line) => this.#options.onProgress?.({ kind: "output", tool: names, line })),
      );
      for (const { pin, attempt } of group) {
        const binary = attempt.source.kind === "go-build" ? built.get(attempt.source.package) : undefined;
        await this.#place(pin, attempt, (path) => copyFile(binary ?? "", path));
      }
    });
  }

  #make(pin: Pin, attempt: Attempt): Promise<void> {
    return this.#place(pin, attempt, (path) => this.#maker.fill(attempt, path, (line) => this.#say(pin, line)));
  }

  /** Only a tool that runs here and tells the version of its pin becomes visible. */
  async #place(pin: Pin, attempt: Attempt, fill: (path: string) => Promise<void>): Promise<void> {
    const path = await this.#cache.make(pin.name, attempt.directory, async (draft) => {
      await fill(draft);
      if (pin.probe === undefined) return;
      await chmod(draft, 0o755);
      const told = await versionOf(pin, draft, this.#options.environment);
      if (told === attempt.version) return;
      throw new DayzeroError(
        "TOOL_VERSION_MISMATCH",
        `cannot use ${pin.name} from ${attempt.how}: it says version ${told ?? "nothing"}, not ${attempt.version}`,
        {
          hint: "correct the toolchain lock, or report this",
        },
      );
    });
    this.#made.set(pin.name, { name: pin.name, version: attempt.version, path, source: attempt.how });
  }

  #tell<T>(pin: Pin, attempt: Attempt, work: () => Promise<T>): Promise<T> {
    return this.#tellAll([{ pin, attempt }], work);
  }

  async #tellAll<T>(group: { pin: Pin; attempt: Attempt }[], work: () => Promise<T>): Promise<T> {
    const { onProgress } = this.#options;
    for (const { pin, attempt } of group) {
      onProgress?.({ kind: "start", tool: pin.name, how: attempt.how, seconds: attempt.source.seconds });
    }
    const started = performance.now();
    const result = await work();
    const seconds = (performance.now() - started) / 1000;
    for (const { pin, attempt } of group) onProgress?.({ kind: "done", tool: pin.name, how: attempt.how, seconds });
    return result;
  }

  #say(pin: Pin, line: string): void {
    this.#options.onProgress?.({ kind: "output", tool: pin.name, line });
  }
}

function firstLine(error: Error): string {
  return error.message.split("\n")[0] ?? "";
}

/** The last way's own error, as that is the one to act on; the earlier ways in a line each. */
function summary(pin: Pin, failures: DayzeroError[]): DayzeroError {
  const last = failures.at(-1);
  if (last === undefined) {
    return new DayzeroError(
      "TOOL_UNAVAILABLE",
      `cannot get ${pin.name} ${pin.version}: no source in the toolchain lock serves this platform`,
      {
        hint: `put ${pin.name} ${pin.version} on PATH`,
      },
    );
  }
  const earlier = failures.slice(0, -1).map((error) => `\n  before: ${firstLine(error)}`);
  return new DayzeroError(last.code, `cannot get ${pin.name} ${pin.version}: ${last.message}${earlier.join("")}`, {
    cause: last,
    hint: last.hint,
  });
}
