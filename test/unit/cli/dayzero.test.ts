import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

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
    for (const command of ["up", "plan", "status", "down", "tools"])
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
    [["plan", "-x", "--json"], "USAGE"],
  ])("%j prints the failure as one JSON document", async (words, code) => {
    const finished = await dayzero(...words);
    expect(finished.code).toBe(2);
    expect(JSON.parse(finished.stdout)).toEqual({
      ok: false,
      error: { code, message: expect.stringMatching(/^[a-z].*[^.]$/), hint: expect.any(String) },
    });
  });

  test("--debug adds the stack trace", async () => {
    expect((await dayzero("status", "nosuch", "--debug")).stderr).toMatch(STACK_TRACE);
  });

  test("a wrong up leaves nothing behind", async () => {
    await dayzero("up", "clean", "--branch", "a..b", "--state", "untouched");
    expect(await readdir(directory)).not.toContain("untouched");
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
