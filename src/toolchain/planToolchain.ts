import type { Pin, Platform, Source, SourceOf, ToolchainLock } from "./ToolchainLock.ts";
import { pinDigest } from "./ToolchainLock.ts";

/** One way to get a tool that is not here yet. `directory` is where it will be, below `<cacheDir>/tools/<name>`. */
export interface Attempt {
  how: "release" | "mirror" | "build" | "wheel" | "module";
  source: Exclude<Source, SourceOf<"path">>;
  version: string;
  directory: string;
}

export type PlannedTool =
  | { kind: "cached"; pin: Pin; version: string; directory: string }
  | { kind: "on-path"; pin: Pin; version: string; path: string }
  /** To be made: the attempts in order, cheapest and best first. Empty: nothing in the lock serves this platform. */
  | { kind: "missing"; pin: Pin; attempts: Attempt[] };

export interface ToolchainFacts {
  lock: ToolchainLock;
  platform: Platform;
  /** Names to plan for; without it all of the lock. Every name must be in the lock. */
  names?: readonly string[];
  mirror: boolean;
  /** `<name>/<directory>` of everything finished in the cache. */
  cached: ReadonlySet<string>;
  /** What was found on PATH, and the version that it told. */
  onPath: ReadonlyMap<string, { path: string; version: string }>;
}

/**
 * Pure: decides for each tool whether it is in the cache, on PATH at the pinned version, or how to try to get it.
 *
 * The cache comes first, as looking at PATH means running what is there. A mirror, where one was named, is tried before the
 * release itself: who names one has an air gap. The rest is in the order of the lock.
 */
export function planToolchain(facts: ToolchainFacts): PlannedTool[] {
  return pinsNamed(facts.lock, facts.names).map((pin) => {
    const attempts = pin.sources.flatMap((source) => attemptsOf(pin, source, facts));
    const cached = attempts.find((attempt) => facts.cached.has(`${pin.name}/${attempt.directory}`));
    if (cached) return { kind: "cached", pin, version: cached.version, directory: cached.directory };
    const found = facts.onPath.get(pin.name);
    const accepted = pin.sources.some((one) => one.kind === "path" && (one.version ?? pin.version) === found?.version);
    if (found && accepted) return { kind: "on-path", pin, ...found };
    return { kind: "missing", pin, attempts };
  });
}

/** The pins of these names, in the order of the lock; an unknown name is a mistake of the caller and throws. */
export function pinsNamed(lock: ToolchainLock, names?: readonly string[]): Pin[] {
  const unknown = names?.filter((name) => !lock.pins.some((pin) => pin.name === name)) ?? [];
  if (unknown.length > 0) throw new RangeError(`no such tool in the toolchain lock: ${unknown.join(", ")}`);
  return lock.pins.filter((pin) => names === undefined || names.includes(pin.name));
}

/** Seconds until all is there should no release be reachable; builds come one after another, the rest side by side. */
export function estimateSeconds(plan: readonly PlannedTool[]): number {
  const isOffline = (attempt: Attempt) => attempt.how !== "release" && attempt.how !== "mirror";
  const last = plan.flatMap((tool) =>
    tool.kind === "missing" ? (tool.attempts.find(isOffline) ?? tool.attempts.at(-1) ?? []) : [],
  );
  const builds = last
    .filter((attempt) => attempt.how === "build")
    .reduce((sum, attempt) => sum + attempt.source.seconds, 0);
  const others = last.filter((attempt) => attempt.how !== "build").map((attempt) => attempt.source.seconds);
  return Math.max(builds, ...others, 0);
}

function attemptsOf(pin: Pin, source: Source, facts: ToolchainFacts): Attempt[] {
  if (source.kind === "path") return [];
  const version = source.version ?? pin.version;
  const directory = `${version}-${pinDigest(pin, facts.platform)}`;
  const attempt = (how: Attempt["how"]): Attempt => ({ how, source, version, directory });
  switch (source.kind) {
    case "release":
      if (source.files[facts.platform] === undefined) return [];
      return facts.mirror ? [attempt("mirror"), attempt("release")] : [attempt("release")];
    case "release-set":
      return facts.mirror ? [attempt("mirror"), attempt("release")] : [attempt("release")];
    case "wheel":
      return source.tags[facts.platform] === undefined ? [] : [attempt("wheel")];
    case "go-module":
      return [attempt("module")];
    case "go-build":
      return [attempt("build")];
    case "make":
      return [attempt("build")];
  }
}
