import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadStack, locateStack } from "../../../src/cli/loadStack.ts";
import type { Run } from "../../../src/cli/Run.ts";
import { recallChoice, rememberChoice, stackMemoryFile } from "../../../src/cli/StackMemory.ts";

let directory: string;
let run: Run;
const options = { state: "state" };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dayzero-stack-"));
  await mkdir(join(directory, "stacks"));
  run = {
    environment: {},
    workingDirectory: directory,
    program: ["node", "dayzero.js"],
    projectDirectory: directory,
    columns: undefined,
    narrator: { tell: () => undefined, close: () => undefined },
    paint: (_style, text) => text,
    signal: new AbortController().signal,
    confirm: undefined,
  };
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
    await rememberChoice(layout, choice);
    expect((await loadStack(run, "local", options)).spec.repository).toMatchObject({
      source: join(directory, "mine"),
      branch: "next",
    });
  });

  test("forgets branch and path when another repository is named", async () => {
    const layout = locateStack(run, "local", options);
    await rememberChoice(layout, { source: "/one", branch: "next", path: "deploy" });
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

  test("writes nothing", async () => {
    await loadStack(run, "local", { ...options, repo: "/mine" });
    expect(await readdir(directory)).toEqual(["stacks"]);
  });
});

describe("recallChoice()", () => {
  test("refuses a file that is not what rememberChoice() wrote", async () => {
    const layout = locateStack(run, "local", options);
    await rememberChoice(layout, { source: "/mine" });
    expect((await stat(stackMemoryFile(layout))).mode & 0o777).toBe(0o600);
    for (const text of ["", "[]", '{"source":7}', '{"extra":1}']) {
      await writeFile(stackMemoryFile(layout), text);
      await expect(recallChoice(layout), text).rejects.toMatchObject({ code: "STACK_FILE_UNREADABLE" });
    }
  });
});
