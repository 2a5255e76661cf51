import { execFile, execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Examined } from "../../../../src/cli/doctor/examine.ts";

const ENTRY = fileURLToPath(new URL("../../../../src/cli/dayzero.js", import.meta.url));

let folder: string;
let repository: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dz-doctor-"));
  repository = join(folder, "fleet");
  const git = (...words: string[]) =>
    execFileSync("git", words, { cwd: repository, env: { PATH: process.env.PATH, HOME: folder } });
  await mkdir(join(repository, "apps"), { recursive: true });
  await mkdir(join(folder, "plain"));
  await mkdir(join(folder, "empty"));
  await mkdir(join(folder, "work"));
  git("init", "--quiet", "--initial-branch=main");
  git("init", "--quiet", join(folder, "empty"));
  await writeFile(join(repository, "apps", "a.yaml"), "a: b\n");
  git("add", ".");
  git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message=first");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function doctor(
  ...words: string[]
): Promise<{ code: number; checks: Map<string, Examined>; stdout: string; stderr: string }> {
  const run = promisify(execFile)(process.execPath, [ENTRY, "doctor", ...words], {
    cwd: join(folder, "work"),
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      XDG_CACHE_HOME: join(folder, "cache"),
      NODE_COMPILE_CACHE: join(folder, "compiled"),
    },
  });
  const {
    code = 0,
    stdout,
    stderr,
  } = (await run.catch((error: { code: number; stdout: string; stderr: string }) => error)) as {
    code?: number;
    stdout: string;
    stderr: string;
  };
  const { checks } = (words.includes("--json") ? JSON.parse(stdout) : { checks: [] }) as { checks: Examined[] };
  return { code, checks: new Map(checks.map((check) => [check.id, check])), stdout, stderr };
}

describe("dayzero doctor", () => {
  test("checks this machine and the repository, without the tools, and changes nothing", async () => {
    const { code, checks, stdout } = await doctor("--json", "--repo", repository, "--path", "apps");
    expect([...checks.keys()]).toEqual([
      "configuration",
      "node",
      "git",
      "state folder",
      "cache folder",
      "disk",
      "memory",
      "tools",
      "tool sources",
      "ports",
      "repository",
      "recipients",
      "clock",
    ]);
    expect(checks.get("tools")).toMatchObject({
      result: "warning",
      seen: expect.stringContaining("etcd 3.6.5 (release, else build)"),
    });
    expect(checks.get("repository")).toMatchObject({
      result: "ok",
      seen: `${repository} has branch main with folder apps`,
    });
    for (const one of ["configuration", "node", "git", "ports", "recipients"])
      expect(checks.get(one)).toMatchObject({ result: "ok", action: null });
    const problems = [...checks.values()].filter(({ result }) => result === "problem");
    expect(JSON.parse(stdout)).toMatchObject({ ok: problems.length === 0 });
    expect(code).toBe(problems.length === 0 ? 0 : 1);
    expect(await readdir(join(folder, "work"))).toEqual([]);
    expect(await readdir(folder)).not.toContain("cache");
  });

  test.each<[string, string[], RegExp, RegExp]>([
    ["a plain folder", ["--repo", "../plain"], /cannot mirror .*plain: .*not appear to be a git repository/, /--repo/],
    ["one that is not there", ["--repo", "../nothing"], /there is nothing/, /--repo/],
    ["one that nobody serves", ["--repo", "http://127.0.0.1:9/fleet.git"], /expected|refused|Failed to connect/, /./],
    ["one without a commit", ["--repo", "../empty"], /no branch and no commit/, /commit something/],
    ["one without the branch", ["--repo", "../fleet", "--branch", "next"], /no branch "next"; it has main/, /--branch/],
    ["one without the folder", ["--repo", "../fleet", "--path", "clusters"], /has no folder clusters/, /--path/],
  ])("finds %s a problem, exits 1 and says what to do", async (_what, words, seen, action) => {
    const { code, checks } = await doctor("--json", ...words);
    const found = checks.get("repository") ?? checks.get("configuration");
    expect(found).toMatchObject({
      result: "problem",
      seen: expect.stringMatching(seen),
      action: expect.stringMatching(action),
    });
    expect(code).toBe(1);
    expect(await readdir(join(folder, "work"))).toEqual([]);
  });

  test("looks at the machine also where the stack's configuration is wrong", async () => {
    const { code, checks } = await doctor("--json", "--branch", "a..b");
    expect(code).toBe(1);
    expect(checks.get("configuration")).toMatchObject({ result: "problem", seen: expect.stringContaining("--branch") });
    expect(checks.get("git")).toMatchObject({ result: "ok" });
    expect(checks.has("repository")).toBe(false);
  });

  test("says that a stack cannot be kept in a file, or at a path that is too long for its sockets", async () => {
    await writeFile(join(folder, "file"), "");
    expect((await doctor("--json", "--state", "../file")).checks.get("state folder")).toMatchObject({
      result: "problem",
      action: expect.stringContaining("--state"),
    });
    const deep = join(folder, "d".repeat(60), "e".repeat(60));
    expect((await doctor("--json", "--state", deep)).checks.get("state folder")).toMatchObject({
      result: "problem",
      seen: expect.stringContaining("bytes"),
    });
  });

  test("prints a table for people, with what to do below each", async () => {
    const { stdout } = await doctor("--repo", "../fleet", "--branch", "next");
    expect(stdout).toMatch(/^CHECK +RESULT +SEEN, AND WHAT TO DO\n/);
    expect(stdout).toMatch(/^repository +problem +.*no branch "next".*\n +-> name the branch/m);
    expect(stdout).toMatch(/to put right before dayzero up/);
  });
});
