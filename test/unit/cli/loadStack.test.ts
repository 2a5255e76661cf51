import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Run } from "../../../src/cli/Run.ts";
import { loadStack, locateStack } from "../../../src/cli/stack/loadStack.ts";
import { recallStack, rememberStack, stackMemoryFile } from "../../../src/cli/stack/StackMemory.ts";
import { testRun } from "../../support/testRun.ts";

let directory: string;
let run: Run;
const options = { state: "state" };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dayzero-stack-"));
  await mkdir(join(directory, "stacks"));
  await writeFile(join(directory, "Pulumi.yaml"), "name: mine\nruntime: nodejs\nstackConfigDir: stacks\n");
  run = testRun(directory);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("loadStack()", () => {
  test("goes on with the repository of an earlier --repo, before what the file says", async () => {
    await writeFile(
      join(directory, "stacks", "Pulumi.local.yaml"),
      "config:\n  dayzero:repository:\n    source: /from-file\n",
    );
    expect((await loadStack(run, "local", options)).spec.repository.source).toBe("/from-file");
    const { layout, choice } = await loadStack(run, "local", { ...options, repo: "mine", branch: "next" });
    await rememberStack(layout, choice);
    expect((await loadStack(run, "local", options)).spec.repository).toMatchObject({
      source: join(directory, "mine"),
      branch: "next",
    });
  });

  test("forgets branch and path when another repository is named", async () => {
    const { layout } = await locateStack(run, "local", options);
    await rememberStack(layout, { source: "/one", branch: "next", path: "deploy" });
    const { spec } = await loadStack(run, "local", { ...options, repo: "/two" });
    expect(spec.repository).toEqual({ name: "two", source: "/two", path: "." });
  });

  test("names the place of a YAML error, and quotes nothing of the file", async () => {
    await writeFile(join(directory, "stacks", "Pulumi.local.yaml"), "config:\n  key: 'AGE-SECRET-KEY-1HUSH\n");
    const failure = loadStack(run, "local", options);
    await expect(failure).rejects.toMatchObject({
      code: "STACK_FILE_UNREADABLE",
      message: expect.stringMatching(/at line \d+/),
    });
    await expect(failure).rejects.not.toThrow(/HUSH/);
  });

  test("refuses to go on with another program than the one that made the stack", async () => {
    const { layout } = await locateStack(run, "local", options);
    await rememberStack(layout, { program: "existing" });
    await expect(loadStack(run, "local", options)).rejects.toMatchObject({ code: "STACK_PROGRAM_CHANGED" });
  });

  test("writes nothing", async () => {
    await loadStack(run, "local", { ...options, repo: "/mine" });
    expect(await readdir(directory)).toEqual(["Pulumi.yaml", "stacks"]);
  });
});

describe("locateStack()", () => {
  const write = (text: string) => writeFile(join(directory, "stacks", "Pulumi.prod.yaml"), text);

  test("finds the state where --state says, else where the file says, else beside Pulumi.yaml", async () => {
    const inner = join(directory, "stacks");
    const there = { ...run, workingDirectory: inner };
    await write("config:\n  dayzero:state: ~/kept\n");
    const stateOf = async (options: { state?: string }, stack = "prod") =>
      (await locateStack(there, stack, options)).layout.directory;
    expect(await stateOf({ state: "mine" })).toBe(join(inner, "mine", "prod"));
    expect(await stateOf({})).toBe("/home/me/kept/prod");
    expect(await stateOf({}, "other")).toBe(join(directory, ".dayzero", "other"));
  });

  test("knows the program by what made the stack, though its file is broken by now", async () => {
    await write("config:\n  dayzero:program: existing\n  dayzero:typo: 1\n");
    expect((await locateStack(run, "prod", options)).program).toBe("existing");
    const { layout } = await locateStack(run, "prod", options);
    await rememberStack(layout, { program: "local" });
    expect((await locateStack(run, "prod", options)).program).toBe("local");
  });
});

describe("recallStack()", () => {
  test("refuses a file that is not what rememberStack() wrote", async () => {
    const { layout } = await locateStack(run, "local", options);
    await rememberStack(layout, { source: "/mine" });
    // What was written before there was more than one program was local.
    expect(await recallStack(layout)).toEqual({ program: "local", source: "/mine" });
    expect((await stat(stackMemoryFile(layout))).mode & 0o777).toBe(0o600);
    for (const text of ["", "[]", '{"source":7}', '{"extra":1}']) {
      await writeFile(stackMemoryFile(layout), text);
      await expect(recallStack(layout), text).rejects.toMatchObject({ code: "STACK_FILE_UNREADABLE" });
    }
  });
});
