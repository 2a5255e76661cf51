import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { STACK_YAML } from "../../../src/cli/init/projectFiles.ts";
import { parseStackSpec } from "../../../src/config/parseStackSpec.ts";

const ENTRY = fileURLToPath(new URL("../../../bin/dayzero.js", import.meta.url));
const MANIFEST = JSON.parse(await readFile(new URL("../../../package.json", import.meta.url), "utf8"));
const ENTRY_OF_PROVIDER = "plugins:\n  providers:\n    - name: dayzero\n      path: node_modules/dayzero/bin\n";

let root: string;
let folder: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dz-init-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, "Fleet of-"));
});

interface Initialized {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function init(...words: string[]): Promise<Initialized> {
  const child = spawn(process.execPath, [ENTRY, "init", ...words], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: root, XDG_CACHE_HOME: join(root, "cache") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].on("data", (chunk) => {
      said[stream] += chunk;
    });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...said }));
  });
}

async function give(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

/** Every file of the folder with its text. */
async function contents(): Promise<Record<string, string>> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(
    files.map(async (path) => [path.slice(folder.length + 1), await readFile(path, "utf8")]),
  );
  return Object.fromEntries(texts);
}

describe("dayzero init of a new project", () => {
  test("--stack names the first stack, and says what comes next for it", async () => {
    const { code, stdout } = await init("--program", "existing", "--stack", "prod-1");
    expect(code).toBe(0);
    expect(stdout).toMatch(/correct the values of Pulumi\.prod-1\.yaml\n +npx dayzero plan prod-1\n/);
    expect(await contents()).toMatchObject({ "stacks/Pulumi.prod-1.yaml": STACK_YAML.existing });
  });

  test("--stack alone adds a local stack, to a project that is there too", async () => {
    await init();
    expect((await init("--stack", "second")).stdout).toMatch(/created +stacks\/Pulumi\.second\.yaml\n/);
    const files = await contents();
    expect(
      Object.keys(files)
        .filter((path) => path.startsWith("stacks/"))
        .sort(),
    ).toEqual(["stacks/Pulumi.local.yaml", "stacks/Pulumi.second.yaml"]);
    expect(files["stacks/Pulumi.second.yaml"]).toBe(STACK_YAML.local);
  });

  test("--stack refuses a name that no stack may have, and writes nothing", async () => {
    const { code, stderr } = await init("--stack", "../up");
    expect(code).toBe(2);
    expect(stderr).toContain("cannot make a stack: --stack: expected a name of lower-case letters");
    expect(await contents()).toEqual({});
  });

  test("makes a project that pins what it uses, and says what comes next", async () => {
    const { code, stdout } = await init("below/fleet");
    expect(code).toBe(0);
    expect(stdout).toMatch(/created +Pulumi\.yaml\nnext\n +cd below\/fleet\n +npm install\n +npx dayzero plan local\n/);
    const files = await contents();
    expect(Object.keys(files).sort()).toEqual(
      [".gitignore", "Pulumi.yaml", "index.ts", "package.json", "stacks/Pulumi.local.yaml"].map(
        (path) => `below/fleet/${path}`,
      ),
    );
    expect(JSON.parse(files["below/fleet/package.json"] ?? "")).toEqual({
      name: "fleet",
      private: true,
      type: "module",
      dependencies: { "@pulumi/pulumi": MANIFEST.dependencies["@pulumi/pulumi"], dayzero: MANIFEST.version },
    });
    expect(parse(files["below/fleet/Pulumi.yaml"] ?? "")).toMatchObject({
      name: "fleet",
      runtime: { name: "nodejs", options: { typescript: false } },
      main: "index.ts",
      stackConfigDir: "stacks",
      plugins: { providers: [{ name: "dayzero", path: "node_modules/dayzero/bin" }] },
    });
    expect(files["below/fleet/.gitignore"]).toBe(".dayzero/\nnode_modules/\n");
  });

  test("changes nothing the second time, and says so", async () => {
    await init();
    const before = await contents();
    const { code, stdout } = await init();
    expect(code).toBe(0);
    expect(stdout).toContain("nothing was changed");
    expect(JSON.parse((await init("--json")).stdout)).toMatchObject({ folder, changed: false });
    expect(await contents()).toEqual(before);
  });

  test("--program existing in a project adds that stack's file and nothing else", async () => {
    await init();
    const before = await contents();
    const { stdout } = await init("--program", "existing");
    expect(stdout).toContain("correct the values of Pulumi.existing.yaml");
    expect(await contents()).toEqual({ ...before, "stacks/Pulumi.existing.yaml": STACK_YAML.existing });
  });

  test.each(["local", "existing"] as const)("the stack file of %s is one that dayzero takes", (program) => {
    const sources = { stack: program, fileDirectory: root, flags: {}, workingDirectory: root, home: root };
    expect(parseStackSpec({ ...sources, file: parse(STACK_YAML[program]) })).toMatchObject({ program });
  });

  test("goes on in the folder that npm install made, and in one that a kill left half-made", async () => {
    await give({ "package.json": '{\n    "dependencies": {\n        "dayzero": "file:../dayzero.tgz"\n    }\n}\n' });
    expect((await init()).code).toBe(0);
    const whole = await contents();
    expect(JSON.parse(whole["package.json"] ?? "")).toEqual({
      type: "module",
      dependencies: { dayzero: "file:../dayzero.tgz", "@pulumi/pulumi": MANIFEST.dependencies["@pulumi/pulumi"] },
    });
    expect(whole["package.json"]).toContain('\n        "dayzero"');
    // Pulumi.yaml comes last.
    await rm(join(folder, "Pulumi.yaml"));
    expect((await init()).code).toBe(0);
    expect(await contents()).toEqual(whole);
  });
});

describe("dayzero init of a Pulumi project", () => {
  const PULUMI = '# mine\nname:   fleet\nruntime: nodejs   # no options\ndescription: "a   b"\n';

  test("adds the dependencies, the provider's entry and ignored folders; every line that was there stays", async () => {
    await give({
      "Pulumi.yaml": PULUMI,
      "package.json": '{"name":"mine","type":"commonjs","devDependencies":{"@pulumi/pulumi":"^3.200.0"}}',
      ".gitignore": "/node_modules\nbin",
      "index.ts": "export const mine = 1;\n",
    });
    const { code, stdout } = await init();
    expect(code).toBe(0);
    expect(stdout).toMatch(/completed +Pulumi\.yaml/);
    expect(stdout).toContain('use the components of "dayzero" in your program');
    const files = await contents();
    expect(files).toEqual({
      "Pulumi.yaml": `${PULUMI}${ENTRY_OF_PROVIDER}`,
      "package.json": expect.any(String),
      ".gitignore": "/node_modules\nbin\n.dayzero/\n",
      "index.ts": "export const mine = 1;\n",
    });
    expect(JSON.parse(files["package.json"] ?? "")).toEqual({
      name: "mine",
      type: "commonjs",
      devDependencies: { "@pulumi/pulumi": "^3.200.0" },
      dependencies: { dayzero: MANIFEST.version },
    });
    expect((await init()).stdout).toContain("nothing was changed");
    expect(await contents()).toEqual(files);
  });

  test.each([
    ["braces", "{name: x, runtime: nodejs}\n"],
    ["an empty entry", "name: x\nruntime: nodejs\nplugins:\n"],
    ["an empty list", "name: x\nruntime: nodejs\nplugins:\n  providers: []\n"],
    ["other plugins", "name: x\nruntime: {name: nodejs}\nplugins:\n  providers:\n  - {name: foo, path: x}\n"],
    ["no newline at its end", "name: x\nruntime: nodejs"],
  ])("adds the provider to a Pulumi.yaml with %s", async (_, text) => {
    await give({ "Pulumi.yaml": text });
    expect((await init()).code).toBe(0);
    const before = parse(text);
    expect(parse((await contents())["Pulumi.yaml"] ?? "")).toEqual({
      ...before,
      plugins: {
        providers: [...(before.plugins?.providers ?? []), { name: "dayzero", path: "node_modules/dayzero/bin" }],
      },
    });
  });

  test("keeps line ends as on Windows", async () => {
    await give({
      "Pulumi.yaml": PULUMI.replaceAll("\n", "\r\n"),
      "package.json": '{\r\n  "name": "mine"\r\n}\r\n',
      ".gitignore": "bin\r\n",
    });
    expect((await init()).code).toBe(0);
    const files = await contents();
    for (const name of ["Pulumi.yaml", "package.json", ".gitignore"]) {
      expect(files[name], name).toContain(name === "package.json" ? "dependencies" : "dayzero");
      expect(files[name], name).not.toMatch(/(?<!\r)\n/);
    }
    expect((await init()).stdout).toContain("nothing was changed");
  });

  test("leaves an entry of the provider that names another place", async () => {
    const text = "name: x\nruntime: nodejs\nplugins: {providers: [{name: dayzero, path: ../dayzero/bin}]}\n";
    await give({ "Pulumi.yaml": text });
    await init();
    expect((await contents())["Pulumi.yaml"]).toBe(text);
  });

  test("keeps a stack's file that is there, and finds where the project keeps them", async () => {
    await give({ "Pulumi.yaml": `${PULUMI}stackConfigDir: ./env/\n`, "env/Pulumi.local.yaml": "config: {}\n" });
    await init("--program", "local");
    await init("--program", "existing");
    expect(await contents()).toMatchObject({
      "env/Pulumi.local.yaml": "config: {}\n",
      "env/Pulumi.existing.yaml": STACK_YAML.existing,
    });
  });
});

describe("dayzero init refuses, and leaves the folder as it was:", () => {
  test.each<[string, Record<string, string>, string]>([
    ["a project of another language", { "Pulumi.yaml": "name: x\nruntime: python\n" }, '"python"'],
    ["a project without a runtime", { "Pulumi.yaml": "name: x\n" }, "missing"],
    ["a Pulumi.yaml that is no YAML", { "Pulumi.yaml": "name: [hush\n" }, "Pulumi.yaml"],
    ["an empty Pulumi.yaml", { "Pulumi.yaml": "" }, "Pulumi.yaml"],
    ["plugins that are none", { "Pulumi.yaml": "name: x\nruntime: nodejs\nplugins: [a]\n" }, '"plugins"'],
    ["a project in JSON", { "Pulumi.json": "{}" }, "Pulumi.json"],
    ["a package.json that is no JSON", { "package.json": '{"hush": ' }, "package.json"],
    ["a package.json that is a list", { "package.json": "[]" }, "package.json"],
    ["dependencies that are none", { "package.json": '{"dependencies": ["a"]}' }, '"dependencies"'],
    ["CommonJS", { "package.json": '{"type": "commonjs"}' }, '"commonjs"'],
    ["Dayzero itself", { "package.json": '{"name": "dayzero"}' }, "itself"],
    ["a program without a project", { "index.ts": "export {};\n" }, "index.ts"],
    ["a folder in a file's place", { "package.json/mine.txt": "mine" }, "EISDIR"],
  ])("%s", async (_, files, said) => {
    await give(files);
    const { code, stdout, stderr } = await init();
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(said);
    expect(stderr).toMatch(/^hint: /m);
    expect(stderr).not.toContain("hush");
    expect(await contents()).toEqual(files);
    expect(JSON.parse((await init("--json")).stdout)).toMatchObject({
      ok: false,
      error: { code: "PROJECT_UNSUITABLE" },
    });
  });

  test("an unknown program, and too many words", async () => {
    expect(await init("--program", "aws")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("local, existing"),
    });
    expect((await init("a", "b")).code).toBe(2);
    expect(await contents()).toEqual({});
  });

  test("a folder in which not every file can be written", async () => {
    // `stacks` leads nowhere: package.json and .gitignore are written before that is found.
    await symlink(join(root, "nowhere", "stacks"), join(folder, "stacks"));
    const { code, stderr } = await init();
    expect(code).toBe(2);
    expect(stderr).toContain("nothing was changed");
    expect(await readdir(folder)).toEqual(["stacks"]);
  });

  test.runIf(existsSync("/proc/self"))("a folder where nothing can be made (Linux has one)", async () => {
    const { code, stderr } = await init("/proc/dayzero/fleet");
    expect(code).toBe(2);
    expect(stderr).toContain("cannot write to /proc/dayzero/fleet: ENOENT; nothing was changed");
  });

  test("a link that leads nowhere", async () => {
    await symlink("elsewhere.yaml", join(folder, "Pulumi.yaml"));
    expect(await init()).toMatchObject({ code: 2, stderr: expect.stringContaining("leads nowhere") });
    expect(await readdir(folder)).toEqual(["Pulumi.yaml"]);
  });

  test("a file in the folder's place", async () => {
    await give({ file: "mine" });
    expect(await init("file")).toMatchObject({ code: 2, stderr: expect.stringContaining("nothing was changed") });
    expect(await contents()).toEqual({ file: "mine" });
  });
});

test("dayzero init writes through a link and keeps a file's mode", async () => {
  await give({ "real.json": "{}" });
  await chmod(join(folder, "real.json"), 0o600);
  await symlink("real.json", join(folder, "package.json"));
  await init();
  const files = await contents();
  expect(files).not.toHaveProperty("package.json");
  expect(JSON.parse(files["real.json"] ?? "").dependencies).toHaveProperty("dayzero");
});
