import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { exists } from "../../machine/exists.ts";
import type { ToolchainOptions } from "../../toolchain/ensureTools.ts";
import type { Attempt, PlannedTool } from "../../toolchain/planToolchain.ts";
import { mirrorName, type Platform, type ReleaseFile } from "../../toolchain/ToolchainLock.ts";
import { askHeaders, reasonOf } from "./askHeaders.ts";
import { type Finding, not, ok } from "./Finding.ts";

type Options = Pick<ToolchainOptions, "environment" | "mirror" | "lock">;

/** Whether a way can be gone from here; why not where it cannot. */
interface Way {
  readonly open: boolean;
  readonly seen: string;
}

/** Whether what is missing can be got: from the mirror or its publishers, by Go, or by pip. Nothing is loaded. */
export async function checkToolSources(
  plan: readonly PlannedTool[],
  options: Options,
  platform: Platform,
): Promise<Finding> {
  const missing = plan.filter((tool) => tool.kind === "missing");
  if (missing.length === 0) return ok("nothing is to be got");
  const ways = new Ways(options, platform);
  const tools = await Promise.all(
    missing.map(async ({ pin, attempts }) => {
      const asked = attempts.map((attempt) => ways.of(attempt));
      const first = await firstOpen(asked);
      return { name: pin.name, open: first !== undefined, seen: first?.seen ?? whyNot(await Promise.all(asked)) };
    }),
  );
  const seen = grouped(tools);
  if (tools.every(({ open }) => open)) return ok(seen);
  return not(
    "problem",
    seen,
    `make the network reach it (HTTPS_PROXY), name a mirror with --mirror, or install Go ${options.lock.go}, python3 with pip, and make with a C compiler`,
  );
}

/** Whichever answers first: a publisher that is silent is not waited for where another way is open. */
function firstOpen(asked: readonly Promise<Way>[]): Promise<Way | undefined> {
  const open = asked.map(async (way) => ((await way).open ? way : Promise.reject(new Error("closed"))));
  return Promise.any(open).catch(() => undefined);
}

function whyNot(ways: readonly Way[]): string {
  return [...new Set(ways.map(({ seen }) => seen))].join(", ") || "no way for this platform";
}

/** As `pip --version`, which takes ten times as long. */
const PIP_VERSION = "import importlib.metadata; print('pip', importlib.metadata.version('pip'))";

class Ways {
  readonly #options: Options;
  readonly #platform: Platform;
  /** One question to each host. */
  readonly #hosts = new Map<string, Promise<string | undefined>>();
  #go: Promise<Way> | undefined;

  constructor(options: Options, platform: Platform) {
    this.#options = options;
    this.#platform = platform;
  }

  async of({ how, source }: Attempt): Promise<Way> {
    switch (source.kind) {
      case "release": {
        const file = source.files[this.#platform];
        return file === undefined ? { open: false, seen: "no release" } : this.#file(file, how);
      }
      case "release-set":
        return this.#file(Object.values(source.files)[0] as ReleaseFile, how);
      case "go-build":
      case "go-module":
        this.#go ??= this.#askGo();
        return this.#go;
      case "wheel":
        return this.#has("python3", ["-c", PIP_VERSION], "pip");
      case "make":
        return this.#has("make", ["--version"], "make");
    }
  }

  async #file(file: ReleaseFile, how: Attempt["how"]): Promise<Way> {
    const { mirror } = this.#options;
    if (how !== "mirror" || mirror === undefined) return this.#url(file.url);
    const name = mirrorName(file);
    if (/^https?:\/\//.test(mirror))
      return this.#url(new URL(encodeURIComponent(name), mirror.endsWith("/") ? mirror : `${mirror}/`).href);
    const path = join(mirror, name);
    return (await exists(path)) ? { open: true, seen: `the mirror ${mirror}` } : { open: false, seen: `no ${path}` };
  }

  /** A host that cannot be reached is not asked for each of its files. */
  async #url(url: string): Promise<Way> {
    const { origin } = new URL(url);
    const ask = () => askHeaders(url, { environment: this.#options.environment });
    let status: number | undefined;
    if (!this.#hosts.has(origin)) {
      const first = ask();
      this.#hosts.set(
        origin,
        first.then(() => undefined, reasonOf),
      );
      status = (await first.catch(() => undefined))?.status;
    }
    const silent = await this.#hosts.get(origin);
    if (silent !== undefined) return { open: false, seen: `${origin} does not answer (${silent})` };
    status ??= (await ask().catch(() => undefined))?.status;
    if (status !== undefined && status < 400) return { open: true, seen: origin };
    return { open: false, seen: `${origin} answers ${status ?? "no more"} for ${url}` };
  }

  /** `go env` is asked where Go is told to get modules from, as the build would be. */
  async #askGo(): Promise<Way> {
    const { environment, lock } = this.#options;
    const env = { ...environment, GOTOOLCHAIN: "local" };
    let said: string;
    try {
      said = (await promisify(execFile)("go", ["env", "GOVERSION", "GOPROXY"], { env })).stdout;
    } catch {
      return { open: false, seen: "no Go" };
    }
    const [version = "", proxies = ""] = said.split("\n");
    const [major = 0, minor = 0] = version.replace(/^go/, "").split(".").map(Number);
    const [wantedMajor = 0, wantedMinor = 0] = lock.go.split(".").map(Number);
    if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor))
      return { open: false, seen: `Go is ${version}, not ${lock.go}` };
    const proxy = proxies.split(/[,|]/).find((one) => /^https?:/.test(one));
    if (proxy === undefined)
      return { open: true, seen: `a build with ${version} (GOPROXY ${proxies || "is empty"} is not asked)` };
    try {
      await askHeaders(proxy, { environment });
    } catch (error) {
      return { open: false, seen: `${version} has no answer from its module proxy (${reasonOf(error)})` };
    }
    return { open: true, seen: `a build with ${version}` };
  }

  async #has(command: string, words: readonly string[], what: string): Promise<Way> {
    try {
      const { stdout } = await promisify(execFile)(command, words, { env: this.#options.environment });
      return { open: true, seen: `${stdout.split("\n")[0] || what} (its network is not asked)` };
    } catch {
      return { open: false, seen: `no ${what}` };
    }
  }
}

/** `etcd, argocd: a build with go1.26.8; bao: pip 24.0` */
function grouped(tools: readonly { readonly name: string; readonly seen: string }[]): string {
  const names = new Map<string, string[]>();
  for (const { name, seen } of tools) names.set(seen, [...(names.get(seen) ?? []), name]);
  return [...names].map(([seen, of]) => `${of.join(", ")}: ${seen}`).join("; ");
}
