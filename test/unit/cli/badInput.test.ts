import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

const ENTRY = fileURLToPath(new URL("../../../src/cli/dayzero.js", import.meta.url));
const run = promisify(execFile);
const PROJECT = "name: mine\nruntime: nodejs\n";
const NOWHERE = "http://127.0.0.1:1";

let compiled: string;
let directory: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  compiled = await mkdtemp(join(tmpdir(), "dayzero-compiled-"));
});
afterAll(() => rm(compiled, { recursive: true, force: true }));

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dayzero-bad-"));
  await mkdir(join(directory, "bin"));
  // Of what a machine has, git and what a script begins with: no Go, no pip, no tool that could be found there.
  for (const name of ["git", "sh", "env"]) {
    const { stdout } = await run("/bin/sh", ["-c", `command -v ${name}`]);
    await symlink(stdout.trim(), join(directory, "bin", name));
  }
  await symlink(process.execPath, join(directory, "bin", "node"));
  await writeFile(join(directory, "Pulumi.yaml"), PROJECT);
  await writeFile(join(directory, "index.js"), "");
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

/** Every download goes through a proxy that is not there, but those of this machine. */
function dayzero(...words: string[]): ChildProcess {
  const child = spawn(ENTRY, [...words, "--json"], {
    cwd: directory,
    env: {
      PATH: join(directory, "bin"),
      HOME: directory,
      XDG_CACHE_HOME: join(directory, "cache"),
      NODE_COMPILE_CACHE: compiled,
      HTTPS_PROXY: NOWHERE,
      HTTP_PROXY: NOWHERE,
      NO_PROXY: "127.0.0.1",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  return child;
}

async function ended(child: ChildProcess) {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

async function repository(...files: string[]): Promise<string> {
  const folder = join(directory, "fleet");
  const git = (...words: string[]) =>
    run("git", ["-C", folder, "-c", "user.name=p", "-c", "user.email=p@e.org", ...words]);
  await run("git", ["init", "-q", "-b", "main", folder]);
  for (const file of files) {
    await writeFile(join(folder, file), "x");
    await git("add", file);
    await git("commit", "-qm", file);
  }
  return folder;
}

interface Row {
  readonly what: string;
  /** What is made wrong; returns the words of the command line. */
  readonly given: () => Promise<string[]>;
  readonly exit: number;
  readonly code: string;
  readonly message: RegExp;
  readonly hint: RegExp;
}

const stackFile = (content: string) => async () => {
  await writeFile(join(directory, "Pulumi.local.yaml"), content);
  return ["up"];
};

const ROWS: readonly Row[] = [
  {
    what: "an unknown key in the stack's file",
    given: stackFile("config:\n  dayzero:valt: {}\n"),
    exit: 2,
    code: "STACK_INVALID",
    message: /config\.dayzero:valt: unknown key, did you mean "dayzero:vault"\?/,
    hint: /correct the configuration/,
  },
  {
    what: "values of the wrong type, all at once",
    given: stackFile("config:\n  dayzero:repository: [1]\n  dayzero:vault: {shares: two}\n"),
    exit: 2,
    code: "STACK_INVALID",
    message: /2 problems\n.*repository: expected a mapping, got \[1\]\n.*shares: expected a whole number, got "two"/,
    hint: /correct the configuration/,
  },
  {
    what: "a stack's file that is no YAML",
    given: stackFile("config: [\n"),
    exit: 2,
    code: "STACK_FILE_UNREADABLE",
    message: /cannot parse Pulumi\.local\.yaml as YAML at line/,
    hint: /correct the file/,
  },
  {
    what: "a project without a name",
    given: async () => {
      await writeFile(join(directory, "Pulumi.yaml"), "runtime: nodejs\n");
      return ["up"];
    },
    exit: 2,
    code: "PROJECT_INVALID",
    message: /it has no name/,
    hint: /give the project a name/,
  },
  {
    what: "a repository that cannot be reached",
    given: async () => ["up", "--repo", `${NOWHERE}/fleet.git`],
    exit: 1,
    code: "REPOSITORY_SOURCE_UNREADABLE",
    message: /127\.0\.0\.1/,
    hint: /./,
  },
  {
    what: "a repository without a commit",
    given: async () => ["up", "--repo", await repository()],
    exit: 1,
    code: "REPOSITORY_EMPTY",
    message: /no branch and no commit/,
    hint: /./,
  },
  {
    what: "a repository of which HEAD is lost",
    given: async () => {
      const folder = await repository("a");
      await rm(join(folder, ".git", "HEAD"));
      return ["up", "--repo", folder];
    },
    exit: 1,
    code: "REPOSITORY_SOURCE_UNREADABLE",
    message: /not appear to be a git repository/,
    hint: /./,
  },
  {
    what: "no Go, no pip and no network",
    given: async () => ["up", "--mirror", NOWHERE],
    exit: 1,
    code: "TOOL_MISSING",
    message: /cannot get .*go is not on PATH/s,
    hint: /install Go 1\.\d+/,
  },
  {
    what: "no Go, no pip and no network, when only the tools are asked for",
    given: async () => ["tools"],
    exit: 1,
    code: "TOOL_MISSING",
    message: /is not on PATH/,
    hint: /install/,
  },
];

describe("dayzero", () => {
  test.each(ROWS)(
    "given $what, says so in one error and makes nothing",
    async ({ given, exit, code, message, hint }) => {
      const [command = "", ...words] = await given();
      const { code: exited, stdout, stderr } = await ended(dayzero(command, ...words));
      expect(exited, stdout + stderr).toBe(exit);
      expect(JSON.parse(stdout)).toEqual({
        ok: false,
        error: { code, message: expect.stringMatching(message), hint: expect.stringMatching(hint) },
      });
      expect(stderr).not.toMatch(/^\s+at .+:\d+/m);
      expect(await readdir(directory)).not.toContain(".dayzero");
    },
  );

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "stopped by %s while it waits for a download, exits 130 and makes nothing",
    async (signal) => {
      let isAsked: () => void = () => undefined;
      const asked = new Promise<void>((resolve) => {
        isAsked = resolve;
      });
      const silent = createServer(() => isAsked());
      await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
      try {
        const child = dayzero("up", "--mirror", `http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
        const finished = ended(child);
        await asked;
        child.kill(signal);
        const { code, stdout, stderr } = await finished;
        expect(code, stderr).toBe(130);
        expect(JSON.parse(stdout).error).toMatchObject({ code: "INTERRUPTED", hint: expect.stringContaining("again") });
        expect(await readdir(directory)).not.toContain(".dayzero");
      } finally {
        silent.closeAllConnections();
        silent.close();
      }
    },
  );
});
