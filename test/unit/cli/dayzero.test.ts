import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

const ENTRY = fileURLToPath(new URL("../../../src/cli/dayzero.js", import.meta.url));

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "dayzero-cli-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function dayzero(...words: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [ENTRY, ...words], {
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: directory, XDG_CACHE_HOME: join(directory, "cache") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

const STACK_TRACE = /^\s+at .+:\d+/m;

describe("dayzero", () => {
  test.each([[["--help"]], [[]]])("%j prints the commands and the exit codes on stdout", async (words) => {
    const { code, stdout, stderr } = await dayzero(...words);
    expect(code).toBe(0);
    for (const command of ["up", "plan", "status", "audit", "down", "tools"])
      expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
    expect(stdout).toMatch(/2 +wrong usage/);
    expect(stdout).not.toMatch(/^ {2}(serve|credential) /m);
    expect(stderr).toBe("");
  });

  test.each([
    [["up", "--recipients", "x"], "--recipients"],
    [["rise"], "rise"],
    [["down", "one", "two"], "too many arguments"],
    [["up", "Not_a_stack"], "Not_a_stack"],
    [["up", "--branch", "a..b"], "--branch"],
    [["up", "--repo", "https://me:hush@forge.example/a.git"], "--repo"],
    [["up", "--repo", "--json-is-no-folder"], "--repo"],
    [["up", "--path", "-x"], "--path"],
    [["serve", "tea"], "tea"],
    [["credential", "token", "nobody"], "token nobody"],
  ])("%j exits 2, says what is wrong on stderr and prints no stack trace", async (words, said) => {
    const { code, stdout, stderr } = await dayzero(...words);
    expect(code).toBe(2);
    expect(stderr).toContain(said);
    expect(stderr).not.toContain("hush");
    expect(stderr).not.toMatch(STACK_TRACE);
    expect(stdout).toBe("");
  });

  test.each([
    [["status", "nosuch", "--json"], "STACK_UNKNOWN"],
    [["audit", "nosuch", "--json"], "STACK_UNKNOWN"],
    [["plan", "-x", "--json"], "USAGE"],
  ])("%j prints the failure as one JSON document", async (words, code) => {
    const finished = await dayzero(...words);
    expect(finished.code).toBe(2);
    expect(JSON.parse(finished.stdout)).toEqual({
      ok: false,
      error: { code, message: expect.stringMatching(/^[a-z].*[^.]$/), hint: expect.any(String) },
    });
  });

  test("--version prints the package's version", async () => {
    const { version } = JSON.parse(await readFile(join(import.meta.dirname, "../../../package.json"), "utf8"));
    expect(await dayzero("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  test("--debug adds the stack trace", async () => {
    expect((await dayzero("status", "nosuch", "--debug")).stderr).toMatch(STACK_TRACE);
  });

  test("loads no compiled code from the working directory", async () => {
    const folder = await mkdtemp(join(directory, "here-"));
    const environment = { PATH: process.env.PATH, HOME: folder, XDG_CACHE_HOME: "cache" };
    const child = spawn(process.execPath, [ENTRY, "--help"], { cwd: folder, env: environment, stdio: "ignore" });
    await new Promise((resolve) => child.on("close", resolve));
    expect(await readdir(folder)).toEqual([".cache"]);
    await rm(join(folder, ".cache"), { recursive: true });
    const own = { ...environment, NODE_COMPILE_CACHE: join(folder, "own") };
    const other = spawn(process.execPath, [ENTRY, "--help"], { cwd: folder, env: own, stdio: "ignore" });
    await new Promise((resolve) => other.on("close", resolve));
    expect(await readdir(folder)).toEqual(["own"]);
  });

  test("a wrong up leaves nothing behind", async () => {
    await dayzero("up", "clean", "--branch", "a..b", "--state", "untouched");
    expect(await readdir(directory)).not.toContain("untouched");
  });

  test("up --repo refuses a folder that is no repository with a commit before it makes or remembers anything", async () => {
    const folder = await mkdtemp(join(directory, "empty-"));
    for (const repo of [folder, join(folder, "nothing")]) {
      const { code, stdout } = await dayzero("up", "--json", "--repo", repo, "--state", "untouched");
      expect(code).toBe(1);
      expect(JSON.parse(stdout).error).toMatchObject({
        code: "REPOSITORY_SOURCE_UNREADABLE",
        message: expect.stringContaining(repo),
      });
    }
    expect(await readdir(directory)).not.toContain("untouched");
  });

  test("up refuses a file without an age identity before it makes anything", async () => {
    const file = join(directory, "identity");
    for (const content of ["garbage", "# only a comment"]) {
      await writeFile(file, content);
      const { code, stderr } = await dayzero("up", "--identity", file, "--state", "untouched");
      expect(code).toBe(2);
      expect(stderr).toContain(file);
    }
    expect(await readdir(directory)).not.toContain("untouched");
  });

  test.each(["up", "plan"])("%s says that a file is no folder for stacks", async (command) => {
    const file = join(directory, "file");
    await writeFile(file, "mine");
    for (const state of [file, join(file, "below")]) {
      const { code, stdout } = await dayzero(command, "--json", "--state", state);
      expect(code).toBe(2);
      expect(JSON.parse(stdout).error).toMatchObject({
        code: "STATE_UNUSABLE",
        hint: expect.stringContaining("--state"),
      });
    }
  });

  test("goes on when nobody reads what it narrates, and fails when nobody reads the result", async () => {
    const unread = (which: "stdout" | "stderr", ...words: string[]) => {
      const child = spawn(process.execPath, [ENTRY, ...words], {
        cwd: directory,
        stdio: ["ignore", "pipe", "pipe"],
      });
      child[which].destroy();
      return child;
    };
    const narrating = unread("stderr", "status", "nosuch", "--json");
    let stdout = "";
    narrating.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    expect(await new Promise((resolve) => narrating.on("close", resolve))).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false });
    const resulting = unread("stdout", "down", "nosuch");
    let stderr = "";
    resulting.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    expect(await new Promise((resolve) => resulting.on("close", resolve))).toBe(1);
    expect(stderr).toBe("");
  });

  test("down of nothing is done, and touches nothing", async () => {
    expect(JSON.parse((await dayzero("down", "nosuch", "--json")).stdout)).toEqual({
      ok: true,
      stack: "nosuch",
      removed: [],
      kept: [],
    });
  });

  test("down does not take a folder for a stack that is none", async () => {
    const folder = await mkdtemp(join(directory, "state-"));
    await writeFile(join(folder, "mine.txt"), "mine");
    const { stdout } = await dayzero(
      "down",
      folder.split("/").at(-1)?.toLowerCase() ?? "",
      "--state",
      directory,
      "--yes",
      "--json",
    );
    expect(JSON.parse(stdout).removed).toEqual([]);
    expect(await readdir(folder)).toEqual(["mine.txt"]);
  });
});

describe("a stack of which only files are left", () => {
  let folder: string;

  beforeEach(async () => {
    folder = join(await mkdtemp(join(directory, "half-")), "half");
    const files = {
      "stack.json": "{}",
      "ports.json": '{"etcd": 1, "vault": 1, "kube-apiserver": 1}',
      "run/etcd.json": "{}",
      "run/etcd.pid": "1\nstale",
      "data/etcd/member": "raft",
      "logs/etcd.log": "it ran",
      "etc/redis.conf.123-0a1b2c3d.new": "a write that was killed",
      "notes.txt": "mine",
      "etc/mine.conf": "mine",
    };
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
  });

  test("status names the dead process, exits 1 and does not wait for anybody", async () => {
    const { code, stdout } = await dayzero("status", "half", "--state", dirname(folder), "--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      healthy: false,
      revision: null,
      credentials: [],
      processes: [{ name: "etcd", pid: null, healthy: false }],
    });
    expect((await dayzero("status", "half", "--state", dirname(folder))).stdout).toMatch(
      /not running: etcd; run dayzero up/,
    );
  });

  test("down asks first, and without anybody to ask does nothing", async () => {
    const { code, stderr } = await dayzero("down", "half", "--state", dirname(folder));
    expect(code).toBe(2);
    expect(stderr).toContain("--yes");
    expect(await readFile(join(folder, "data/etcd/member"), "utf8")).toBe("raft");
  });

  test("down removes what the stack made, keeps and names the rest, and may be run again", async () => {
    const words = ["down", "half", "--state", dirname(folder), "--yes", "--json"];
    const { code, stdout } = await dayzero(...words);
    expect(code).toBe(0);
    const { removed, kept } = JSON.parse(stdout) as { removed: string[]; kept: string[] };
    expect(removed).toEqual(expect.arrayContaining(["data/etcd", "logs/etcd.log", "run", "Ports ports"]));
    expect(kept).toEqual([join(folder, "etc/mine.conf"), join(folder, "notes.txt")]);
    expect((await readdir(folder, { recursive: true })).sort()).toEqual(["etc", "etc/mine.conf", "notes.txt"]);
    expect(JSON.parse((await dayzero(...words)).stdout)).toMatchObject({ ok: true, removed: [] });
  });
});
