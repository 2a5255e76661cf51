import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { processesIn, type SeenProcess } from "./processesIn.ts";

const MAIN = fileURLToPath(new URL("../../stacks/main.ts", import.meta.url));
const ENTRY = fileURLToPath(new URL("../../src/cli/dayzero.js", import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
}

/**
 * A stack in a folder of its own, driven through the real command line in a poisoned environment: HOME, KUBECONFIG and
 * git's configuration all point at traps that leave a file behind (`trap`) when anything of the stack uses them.
 */
export class Stack {
  readonly root: string;
  readonly name: string;
  readonly trap: string;
  /** Of its commands. */
  readonly environment: NodeJS.ProcessEnv;

  private constructor(root: string, name: string) {
    this.root = root;
    this.name = name;
    this.trap = join(root, "trap-was-sprung");
    this.environment = {
      PATH: process.env.PATH,
      LANG: "C.UTF-8",
      HOME: join(root, "poisoned-home"),
      KUBECONFIG: join(root, "poisoned-home", ".kube", "config"),
      GIT_CONFIG_GLOBAL: join(root, "poisoned-home", ".gitconfig"),
      VAULT_TOKEN: "poisoned-vault-token",
      VAULT_ADDR: "https://127.0.0.1:1",
      XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
    };
  }

  static async create(name = "local"): Promise<Stack> {
    const stack = new Stack(await mkdtemp(join(tmpdir(), "dz-")), name);
    if (name !== "local") await stack.#writeProject();
    const home = join(stack.root, "poisoned-home");
    await mkdir(join(home, ".kube"), { recursive: true });
    const spring = join(home, "spring");
    await writeFile(spring, `#!/bin/sh\necho "$0 $*" >> ${stack.trap}\nexit 1\n`, { mode: 0o755 });
    await writeFile(
      join(home, ".gitconfig"),
      `[credential]\n\thelper = ${spring}\n[core]\n\tfsmonitor = ${spring}\n\tsshCommand = ${spring}\n\tpager = ${spring}\n[uploadpack]\n\tpackObjectsHook = ${spring}\n[http]\n\tsslVerify = false\n`,
    );
    await writeFile(
      join(home, ".kube", "config"),
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        "current-context": "trap",
        contexts: [{ name: "trap", context: { cluster: "trap", user: "trap" } }],
        clusters: [{ name: "trap", cluster: { server: "https://127.0.0.1:1" } }],
        users: [
          {
            name: "trap",
            user: {
              exec: { apiVersion: "client.authentication.k8s.io/v1", command: spring, interactiveMode: "Never" },
            },
          },
        ],
      }),
    );
    return stack;
  }

  /** Of whatever name but `local`, only what has a file is a stack. */
  async #writeProject(): Promise<void> {
    const runtime = { name: "nodejs", options: { typescript: false } };
    await writeFile(join(this.root, "Pulumi.yaml"), JSON.stringify({ name: "tests", runtime, main: MAIN }));
    await writeFile(join(this.root, `Pulumi.${this.name}.yaml`), "config: {}\n");
  }

  /** The stack's state folder. */
  get directory(): string {
    return join(this.root, "state", this.name);
  }

  /** Starts `dayzero <command> <stack> …` as `npx` does, by its first line, and returns at once. */
  spawn(command: string, ...options: string[]): ChildProcess {
    return spawn(ENTRY, [command, this.name, "--state", join(this.root, "state"), ...options], {
      cwd: this.root,
      env: this.environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  async run(command: string, ...options: string[]): Promise<Finished> {
    return finish(this.spawn(command, ...options));
  }

  /** Runs with `--json` and parses the result; a failure throws with what the command narrated. */
  async json<T>(command: string, ...options: string[]): Promise<T> {
    const finished = await this.run(command, "--json", ...options);
    if (finished.code !== 0) {
      throw new Error(`dayzero ${command} exited ${finished.code}\n${finished.stdout}\n${finished.stderr}`);
    }
    return JSON.parse(finished.stdout) as T;
  }

  /** SIGKILLs a running command, with its whole program, as soon as a narrated line matches; resolves to that line, or undefined if it ended first. */
  async killWhen(child: ChildProcess, matches: (line: string) => boolean): Promise<string | undefined> {
    const exited = once(child, "exit");
    if (child.stderr === null) throw new Error("standard error is not piped");
    for await (const line of createInterface({ input: child.stderr })) {
      if (matches(line)) {
        child.kill("SIGKILL");
        await exited;
        return line;
      }
    }
    await exited;
    return undefined;
  }

  /** Every process that works in the stack's state folder. */
  processes(): Promise<SeenProcess[]> {
    return processesIn(this.directory);
  }

  /** Stops everything and removes the folder, whatever state the test left it in. */
  async dispose(): Promise<void> {
    await this.run("down", "--yes", "--delete-repository");
    for (const { pid } of await this.processes()) process.kill(pid, "SIGKILL");
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Collects the output of a command until it ends. */
export async function finish(child: ChildProcess): Promise<Finished> {
  const started = performance.now();
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr, milliseconds: performance.now() - started };
}
