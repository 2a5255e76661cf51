import { StackLayout } from "../../machine/StackLayout.ts";
import type { Context } from "../Resource.ts";

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

export interface GitResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** What went wrong, with what stands before an `@` in URLs taken out. */
  readonly stderr: string;
}

interface GitOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Uses the person's own environment and git configuration: for reaching the person's own forge, and nothing else. */
  readonly personal?: boolean;
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

  /** Standard output, trimmed; rejects when git fails. */
  async run(args: readonly string[], options: GitOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.try(args, options);
    if (exitCode !== 0) throw new Error(`git ${args[0]} in ${this.directory} ended with ${exitCode}: ${stderr}`);
    return stdout.trim();
  }

  /** As {@link Git.run}, for when failing is an answer. */
  async try(args: readonly string[], options: GitOptions = {}): Promise<GitResult> {
    const { execa } = await import("execa");
    const [program = "git", ...prefix] = this.#command;
    const base = options.personal
      ? { ...Object.fromEntries(OTHER_REPOSITORY.map((name) => [name, undefined])), LC_ALL: "C" }
      : hermetic(this.#home);
    const result = await execa(program, [...prefix, `--git-dir=${this.directory}`, ...args], {
      env: { ...base, GIT_TERMINAL_PROMPT: "0", ...options.environment },
      extendEnv: options.personal === true,
      reject: false,
      stripFinalNewline: false,
      ...(options.input === undefined ? { stdin: "ignore" } : { input: options.input }),
      ...(this.#signal === undefined ? {} : { cancelSignal: this.#signal }),
    });
    this.#signal?.throwIfAborted();
    if (result.exitCode === undefined) {
      throw new Error(`cannot run ${program}: ${result.code ?? result.signal ?? "it did not start"}`);
    }
    return { exitCode: result.exitCode, stdout: result.stdout as string, stderr: readable(result.stderr as string) };
  }
}

/** The environment of a git that sees no configuration but the repository's. */
export function hermetic(home: string): Record<string, string> {
  return {
    PATH: SEARCH_PATH,
    LANG: "C.UTF-8",
    HOME: home,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
  };
}

/** What git itself says went wrong, without its advice. */
function readable(stderr: string): string {
  const lines = stderr
    .replace(/:\/\/[^/@\s']*@/g, "://")
    .trim()
    .split("\n");
  const failures = lines.filter((line) => /^(fatal|error|ssh|remote): /.test(line));
  return (failures.length > 0 ? failures : lines).slice(0, 3).join("; ");
}
