import { dirname, isAbsolute } from "node:path";
import { StackLayout } from "../../machine/StackLayout.ts";
import type { Context } from "../Resource.ts";
import { GitError } from "./GitError.ts";

/** Where git looks for `sh` and `ssh` when it is not told by the person. */
const SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin";

/** Variables by which a git that called us would make ours work on its repository (git(1), `rev-parse --local-env-vars`). */
const OTHER_REPOSITORY = [
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_COMMON_DIR",
  "GIT_NAMESPACE",
  "GIT_PREFIX",
] as const;

/** As timeout(1) exits. */
const TIMED_OUT = 124;

export interface GitResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** What went wrong, with what stands before an `@` in URLs taken out. */
  readonly stderr: string;
}

interface GitOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * Uses the person's own environment and git configuration: for reaching the person's own forge, and nothing else. Without a
   * terminal, whose `ssh` would ask there for passwords and host keys, and wait.
   */
  readonly personal?: boolean;
  /** Milliseconds without a word after which git is ended, with all that it started: it then failed. */
  readonly silence?: number;
}

/** Runs git on one bare repository, by default with none of the person's configuration or environment. */
export class Git {
  readonly directory: string;
  readonly #command: readonly string[];
  readonly #home: string;
  readonly #signal: AbortSignal | undefined;

  constructor(options: { directory: string; command: readonly string[]; home: string; signal?: AbortSignal }) {
    this.directory = options.directory;
    this.#command = options.command;
    this.#home = options.home;
    this.#signal = options.signal;
  }

  static of(ctx: Context, directory: string): Git {
    const { home } = new StackLayout(ctx.directory);
    return new Git({ directory, command: ctx.tool("git"), home, signal: ctx.signal });
  }

  /** Standard output, trimmed; throws a GitError when git fails. */
  async run(args: readonly string[], options: GitOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.try(args, options);
    if (exitCode !== 0) throw new GitError(`git ${args[0]} in ${this.directory} ended with ${exitCode}: ${stderr}`);
    return stdout.trim();
  }

  /** As {@link Git.run}, for when failing is an answer. */
  async try(args: readonly string[], options: GitOptions = {}): Promise<GitResult> {
    const { execa } = await import("execa");
    const [program = "git", ...prefix] = this.#command;
    const base = options.personal
      ? { ...Object.fromEntries(OTHER_REPOSITORY.map((name) => [name, undefined])), LC_ALL: "C" }
      : hermetic(this.#home, program);
    const personal = options.personal === true;
    const child = execa(program, [...prefix, `--git-dir=${this.directory}`, ...args], {
      env: { ...base, GIT_TERMINAL_PROMPT: "0", ...options.environment },
      extendEnv: personal,
      // In a session of its own there is no terminal, and a process group to end.
      detached: personal,
      reject: false,
      stripFinalNewline: false,
      ...(options.input === undefined ? { stdin: "ignore" } : { input: options.input }),
    });
    const end = () => (personal ? endGroup(child.pid) : child.kill());
    const { silence } = options;
    let silent = false;
    const timer = setTimeout(() => {
      silent = true;
      end();
    }, silence);
    if (silence === undefined) clearTimeout(timer);
    else for (const stream of [child.stdout, child.stderr]) stream.on("data", () => timer.refresh());
    this.#signal?.addEventListener("abort", end, { once: true });
    if (this.#signal?.aborted) end();
    const result = await child;
    clearTimeout(timer);
    this.#signal?.removeEventListener("abort", end);
    this.#signal?.throwIfAborted();
    if (silent) return { exitCode: TIMED_OUT, stdout: "", stderr: `no answer within ${(silence ?? 0) / 1000} s` };
    if (result.exitCode === undefined) {
      throw new GitError(`cannot run ${program}: ${result.code ?? result.signal ?? "it did not start"}`);
    }
    return { exitCode: result.exitCode, stdout: result.stdout as string, stderr: readable(result.stderr as string) };
  }
}

/** The environment of a git that sees no configuration but the repository's; a git that it calls is the same one. */
export function hermetic(home: string, git: string): Record<string, string> {
  return {
    PATH: isAbsolute(git) ? `${dirname(git)}:${SEARCH_PATH}` : SEARCH_PATH,
    LANG: "C.UTF-8",
    HOME: home,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
  };
}

/** A `git` waits for its `ssh`, which does not end with it. */
function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGTERM");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** `Receiving objects:  42% (5/12)`, `remote: Total 12 (delta 0)`: with a carriage return where it is told again. */
const PROGRESS = /^(remote: )?([A-Z][a-z]+ (objects|deltas|references|connectivity)\b|Total \d)/;

/** What git itself says went wrong, without its advice and its progress. */
function readable(stderr: string): string {
  const lines = stderr
    .replace(/:\/\/[^/@\s']*@/g, "://")
    .trim()
    .split(/[\r\n]+/)
    .filter((line) => !PROGRESS.test(line));
  const failures = lines.filter((line) => /^(fatal|error|ssh|remote): /.test(line));
  return (failures.length > 0 ? failures : lines).slice(0, 3).join("; ");
}
