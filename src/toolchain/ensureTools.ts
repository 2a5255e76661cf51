import { DayzeroError } from "../config/DayzeroError.ts";
import { FileLock } from "../machine/FileLock.ts";
import type { PlannedTool } from "./planToolchain.ts";
import { estimateSeconds, pinsNamed, planToolchain } from "./planToolchain.ts";
import { ToolCache } from "./ToolCache.ts";
import type { Platform, ToolchainLock } from "./ToolchainLock.ts";
import { PLATFORMS } from "./ToolchainLock.ts";
import type { ToolProgress } from "./ToolProgress.ts";

export type { ToolProgress } from "./ToolProgress.ts";

export interface Tool {
  name: string;
  /** Of the source that it came from: the build way may be an older line than the release. */
  version: string;
  /** The executable; of a tool that is a set of files, the folder that holds them and nothing else. */
  path: string;
  source: "path" | "cache" | "release" | "mirror" | "build" | "wheel" | "module";
}

export interface ToolchainOptions {
  /** XDG cache folder of Dayzero, shared by all checkouts. */
  cacheDir: string;
  /** A folder or http(s) URL that holds the release files by name; then tried before the releases. */
  mirror?: string;
  /** PATH to look for tools in that are already there at the pinned version; without it none are looked for. */
  path?: string;
  /** Only these tools. */
  names?: string[];
  /** All that go, pip, make, tar and the probes get: PATH and HOME at least, and GO*, PIP_*, *_PROXY where wanted. */
  environment: Record<string, string>;
  onProgress?: (event: ToolProgress) => void;
  signal?: AbortSignal;
  lock: ToolchainLock;
}

/**
 * Makes sure that every tool of the lock is on this machine, and says where. In the order of the lock.
 *
 * Nothing is done when all is in the cache. Else one process at a time works on a cache; another waits and finds the
 * result. Killed at any moment, the next run keeps what was finished and goes on with what was not. When all is there, Go's
 * caches are dropped. Throws the first tool's DayzeroError after the others have ended: TOOL_BUILD_FAILED, TOOL_MISSING,
 * TOOL_VERSION_MISMATCH, DOWNLOAD_FAILED, DOWNLOAD_DIGEST_MISMATCH or TOOL_UNAVAILABLE.
 */
export async function ensureTools(options: ToolchainOptions): Promise<Tool[]> {
  const cache = new ToolCache(options.cacheDir);
  const plan = await observeAndPlan(options, cache);
  const missing = plan.filter((tool) => tool.kind === "missing");
  if (missing.length === 0) {
    if (await cache.hasLeftovers()) await dropLeftovers(cache);
    return plan.map((tool) => presentTool(tool, cache));
  }
  const lock = await FileLock.acquire({
    path: cache.lockFile,
    onWait: ({ pid }) => {
      const how = `process ${pid} works on the same cache (${cache.lockFile})`;
      for (const { pin } of missing) options.onProgress?.({ kind: "wait", tool: pin.name, how });
    },
    ...(options.signal ? { signal: options.signal } : {}),
  });
  try {
    await cache.sweep();
    const { ToolchainRun } = await import("./ToolchainRun.ts");
    const now = await observeAndPlan(options, cache);
    const outstanding = now.filter((tool) => tool.kind === "missing");
    if (outstanding.length > 0) {
      const tools = outstanding.map((tool) => tool.pin.name);
      options.onProgress?.({ kind: "estimate", seconds: estimateSeconds(now), tools });
    }
    const made = await new ToolchainRun(options, cache, thisPlatform()).run(outstanding);
    await cache.dropBuildCaches();
    return now.map((tool) => made.get(tool.pin.name) ?? presentTool(tool, cache));
  } finally {
    await lock.release();
  }
}

/** A run that was killed after its last tool left its caches; nobody else may be working on them. */
async function dropLeftovers(cache: ToolCache): Promise<void> {
  const lock = await FileLock.tryAcquire({ path: cache.lockFile });
  if (lock === undefined) return;
  await cache.dropBuildCaches().finally(() => lock.release());
}

/** Which of the tools are there, and how each of the others would be got. Changes nothing. */
export async function observeAndPlan(
  options: ToolchainOptions,
  cache: ToolCache = new ToolCache(options.cacheDir),
): Promise<PlannedTool[]> {
  const { lock, names } = options;
  const facts = {
    lock,
    platform: thisPlatform(),
    mirror: options.mirror !== undefined,
    cached: await cache.finished(pinsNamed(lock, names).map((pin) => pin.name)),
    onPath: new Map<string, { path: string; version: string }>(),
    ...(names ? { names } : {}),
  };
  const plan = planToolchain(facts);
  const missing = plan.filter((tool) => tool.kind === "missing");
  if (missing.length === 0 || options.path === undefined) return plan;
  const { findOnPath } = await import("./findOnPath.ts");
  const { path, environment } = options;
  await Promise.all(
    missing.map(async ({ pin }) => {
      const found = pin.sources.some((one) => one.kind === "path")
        ? await findOnPath(pin, path, environment)
        : undefined;
      if (found) facts.onPath.set(pin.name, found);
    }),
  );
  return planToolchain(facts);
}

function presentTool(tool: PlannedTool, cache: ToolCache): Tool {
  const { name } = tool.pin;
  if (tool.kind === "cached")
    return { name, version: tool.version, path: cache.pathOf(name, tool.directory), source: "cache" };
  if (tool.kind === "on-path") return { name, version: tool.version, path: tool.path, source: "path" };
  throw new RangeError(`${name} was planned and not made`);
}

export function thisPlatform(): Platform {
  const seen = `${process.platform}-${process.arch}`;
  const platform = PLATFORMS.find((one) => one === seen);
  if (platform) return platform;
  throw new DayzeroError("TOOL_UNAVAILABLE", `cannot provide tools for ${seen}`, {
    hint: `use one of ${PLATFORMS.join(", ")}`,
  });
}
