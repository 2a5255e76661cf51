import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findProgram, findProject } from "../../../src/cli/stack/findProject.ts";

const packageDirectory = fileURLToPath(new URL("../../../", import.meta.url));
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dayzero-project-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const find = (workingDirectory = directory) => findProject({ workingDirectory, packageDirectory });
const write = (text: string) => writeFile(join(directory, "Pulumi.yaml"), text);

describe("findProject()", () => {
  test("takes the nearest Pulumi.yaml above the working directory", async () => {
    await write("name: fleet\nruntime: nodejs\nstackConfigDir: config\n");
    await mkdir(join(directory, "a", "b"), { recursive: true });
    expect(await find(join(directory, "a", "b"))).toEqual({
      directory,
      name: "fleet",
      stackFiles: join(directory, "config"),
      state: join(directory, ".dayzero"),
    });
  });

  test("takes this package's own where there is none, and keeps its stacks in the working directory", async () => {
    const project = await find();
    expect(project).toMatchObject({ name: "dayzero", state: join(directory, ".dayzero") });
    expect(await findProgram(project)).toBe(join(packageDirectory, "stacks", "main.ts"));
  });

  test.each([
    ["no YAML", "name: 'HUSH\n", "not a mapping in YAML"],
    ["no name", "runtime: nodejs\n", "it has no name"],
  ])("refuses a file with %s, and quotes nothing of it", async (_what, text, message) => {
    await write(text);
    const failure = find();
    await expect(failure).rejects.toMatchObject({ code: "PROJECT_INVALID", message: expect.stringContaining(message) });
    await expect(failure).rejects.not.toThrow(/HUSH/);
  });
});

describe("findProgram()", () => {
  test.each([
    ["main", "main: deploy.ts\n", "deploy.ts", undefined],
    ["a folder's index", "main: program\n", "program/index.ts", undefined],
    ["what package.json starts", "", "start.js", '{"main":"start.js"}'],
    ["the index beside Pulumi.yaml", "", "index.js", undefined],
  ])("finds %s", async (_what, line, file, manifest) => {
    await write(`name: fleet\nruntime: { name: nodejs }\n${line}`);
    await mkdir(join(directory, "program"));
    await writeFile(join(directory, file), "");
    if (manifest !== undefined) await writeFile(join(directory, "package.json"), manifest);
    expect(await findProgram(await find())).toBe(join(directory, file));
  });

  test("refuses a program that is none for Node, and one that is not there", async () => {
    await write("name: fleet\nruntime: python\n");
    await expect(findProgram(await find())).rejects.toMatchObject({ hint: "run it with `pulumi up`" });
    await write("name: fleet\nruntime: nodejs\nmain: gone.ts\n");
    await expect(findProgram(await find())).rejects.toThrow("there is no program at gone.ts");
  });
});
