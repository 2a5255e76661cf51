import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { exists } from "../../machine/exists.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import type { RepositoryKind } from "../../manifests/argocd/repositoryNeeds.ts";
import type { Context } from "../Resource.ts";
import { Git } from "./Git.ts";
import { postReceiveHook } from "./postReceiveHook.ts";
import { type RepositorySource, repositorySource } from "./RepositorySource.ts";

/** Where what Dayzero itself brought is remembered; nobody who fetches sees it. */
export const ORIGIN = "refs/dayzero/origin";

/** Settings that every bare repository of ours has; what else stands in its configuration is the person's. */
const SETTINGS: Readonly<Record<string, string>> = {
  "core.bare": "true",
  // Relative to the repository. Overrules a core.hookspath of the person who pushes.
  "core.hookspath": "hooks",
  // What a forced push overwrites can be found again.
  "core.logallrefupdates": "true",
  "http.receivepack": "false",
  "http.getanyfile": "false",
  "transfer.hiderefs": "refs/dayzero",
  "gc.autodetach": "false",
};

/** What was asked for when the repository was last converged; kept in its own configuration. */
export interface RepositoryMark {
  readonly stack: string;
  readonly source: RepositorySource;
  readonly branch: string;
  readonly path: string;
}

/** What was found when a revision was rendered: a revision never changes, so it is rendered once. */
export interface RenderedRevision {
  readonly revision: string;
  readonly path: string;
  readonly kinds: readonly RepositoryKind[];
}

/** A bare repository of the stack: its mark, settings, hook, and memory of what was rendered. */
export class BareRepository {
  readonly directory: string;
  readonly git: Git;
  readonly #hook: string;

  constructor(ctx: Context, directory: string) {
    this.directory = directory;
    this.git = Git.of(ctx, directory);
    const [node] = ctx.tool("dayzero");
    this.#hook = postReceiveHook(node ?? "node");
  }

  /** Makes it anew, without a template and its sample hooks. */
  async initialize(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    await this.git.run(["init", "--quiet", "--bare", "--template=", "--initial-branch=main", this.directory]);
  }

  /** `undefined` when there is none; throws REPOSITORY_NOT_OWN for one that the stack did not make. */
  async mark(stack: string): Promise<RepositoryMark | undefined> {
    const config = await this.#config();
    if (config === undefined && !(await exists(this.directory))) return undefined;
    if (config?.get("dayzero.stack") !== stack) {
      throw new DayzeroError("REPOSITORY_NOT_OWN", `cannot use ${this.directory}: stack "${stack}" did not make it`, {
        hint: "move it elsewhere, or name it as the source with --repo",
      });
    }
    return {
      stack,
      source: repositorySource.parse(JSON.parse(config.get("dayzero.source") ?? "{}")),
      branch: config.get("dayzero.branch") ?? "main",
      path: config.get("dayzero.path") ?? ".",
    };
  }

  /** Names of the settings, and of the hook, that are not as they should be. */
  async drift(): Promise<string[]> {
    const config = await this.#config();
    const settings = Object.entries(SETTINGS).filter(([name, value]) => config?.get(name) !== value);
    const hook = await readFile(this.#hookPath, "utf8").catch(() => undefined);
    return [...settings.map(([name]) => name), ...(hook === this.#hook ? [] : ["hooks/post-receive"])];
  }

  /** Writes mark, settings and hook; the mark is whole or not there, as the stack's name is written last. */
  async settle(mark: RepositoryMark): Promise<void> {
    await writeFileAtomic(this.#hookPath, this.#hook, 0o700);
    const values: Record<string, string> = {
      ...SETTINGS,
      "dayzero.source": JSON.stringify(mark.source),
      "dayzero.branch": mark.branch,
      "dayzero.path": mark.path,
      "dayzero.stack": mark.stack,
    };
    const present = await this.#config();
    const missing = Object.entries(values).filter(([name]) => !present?.has(name));
    if (missing.length > 0) {
      // All at once: a git for each would take longer than everything else about a new repository.
      const file = join(this.directory, "config");
      await writeFileAtomic(file, (await readFile(file, "utf8")) + missing.map(configEntry).join(""));
    }
    for (const [name, value] of Object.entries(values)) {
      if (present?.has(name) && present.get(name) !== value)
        await this.git.run(["config", "--replace-all", name, value]);
    }
    if ((await this.git.run(["symbolic-ref", "HEAD"])) !== `refs/heads/${mark.branch}`) {
      await this.git.run(["symbolic-ref", "HEAD", `refs/heads/${mark.branch}`]);
    }
  }

  /** Commit at the tip of a branch. */
  async tip(branch: string): Promise<string | undefined> {
    const { exitCode, stdout } = await this.git.try([
      "rev-parse",
      "--verify",
      "--quiet",
      `refs/heads/${branch}^{commit}`,
    ]);
    return exitCode === 0 ? stdout.trim() : undefined;
  }

  /** Full name -> object, of all references below a prefix. */
  async references(prefix: string): Promise<Map<string, string>> {
    const lines = await this.git.run(["for-each-ref", "--format=%(objectname) %(refname)", prefix]);
    return parseReferences(lines);
  }

  /** `undefined` when nothing was, or what is remembered of it is in pieces: it is then rendered again. */
  async rendered(): Promise<RenderedRevision | undefined> {
    try {
      return JSON.parse(await readFile(this.#renderedPath, "utf8")) as RenderedRevision;
    } catch {
      return undefined;
    }
  }

  async remember(rendered: RenderedRevision): Promise<void> {
    await writeFileAtomic(this.#renderedPath, JSON.stringify(rendered));
  }

  get #hookPath(): string {
    return join(this.directory, "hooks", "post-receive");
  }

  get #renderedPath(): string {
    return join(this.directory, "dayzero-rendered.json");
  }

  async #config(): Promise<Map<string, string> | undefined> {
    const { exitCode, stdout } = await this.git.try(["config", "--local", "--list", "--null"]);
    if (exitCode !== 0) return undefined;
    return new Map(
      stdout.split("\0").flatMap((entry) => {
        const newline = entry.indexOf("\n");
        return newline < 0 ? [] : [[entry.slice(0, newline), entry.slice(newline + 1)]];
      }),
    );
  }
}

/** git-config(1), Syntax: a value in quotes escapes backslash and quote. */
function configEntry([name, value]: [string, string]): string {
  const [section, key] = name.split(".");
  return `[${section}]\n\t${key} = "${value.replace(/[\\"]/g, "\\$&")}"\n`;
}

/** Lines of `<object> <reference>`, as ls-remote and for-each-ref print them; peeled tags are left out. */
export function parseReferences(lines: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of lines.split("\n")) {
    const [object, name] = line.split(/\s+/);
    if (object !== undefined && name !== undefined && !name.endsWith("^{}")) found.set(name, object);
  }
  return found;
}
