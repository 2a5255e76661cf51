import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exists } from "../../src/machine/exists.ts";
import { waitFor } from "../support/waitFor.ts";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));
const CREDENTIAL = /PRIVATE KEY|eyJ[\w-]{10,}\.eyJ|\bhvs\.\w{20}|\bs\.\w{24}\b|AGE-SECRET-KEY-1/;
/** Planted in what a person may write into a stack's configuration as a secret. */
const CANARY = "canary-5d8e01f7-not-for-anybody";

const run = promisify(execFile);
const pulumi = await findPulumi();
if (pulumi === undefined) process.stderr.write("test/e2e/pulumi.test.ts is skipped: no pulumi is on PATH\n");

async function findPulumi(): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (folder !== "" && (await exists(join(folder, "pulumi")))) return join(folder, "pulumi");
  }
  return undefined;
}

function environmentIn(folder: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: [join(PACKAGE, "node_modules/.bin"), process.env.PATH].join(delimiter),
    PULUMI_HOME: join(folder, "home"),
    PULUMI_BACKEND_URL: `file://${join(folder, "backend")}`,
    PULUMI_CONFIG_PASSPHRASE: "of this test only",
    PULUMI_SKIP_UPDATE_CHECK: "true",
  };
}

async function makeProject(folder: string, program: string): Promise<void> {
  await mkdir(join(folder, "stacks"));
  await mkdir(join(folder, "backend"));
  await symlink(join(PACKAGE, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), '{"name": "fleet", "type": "module"}');
  await writeFile(join(folder, "index.ts"), program);
  const project = {
    name: "fleet",
    runtime: { name: "nodejs", options: { typescript: false } },
    main: "index.ts",
    stackConfigDir: "stacks",
    plugins: { providers: [{ name: "dayzero", path: join(PACKAGE, "bin") }] },
  };
  await writeFile(join(folder, "Pulumi.yaml"), JSON.stringify(project));
}

describe.skipIf(pulumi === undefined)("the local stack under the Pulumi CLI", () => {
  let folder: string;

  const environment = () => environmentIn(folder);
  const cli = async (...args: string[]): Promise<string> => {
    const options = { cwd: folder, env: environment(), maxBuffer: 1 << 28 };
    const all = [...args, "--stack", "local", "--non-interactive", "--color", "never"];
    const { stdout, stderr } = await run(pulumi ?? "", all, options).catch((error: { stdout?: string }) => {
      throw new Error(`pulumi ${args.join(" ")} failed:\n${error.stdout}`, { cause: error });
    });
    return `${stdout}${stderr}`;
  };
  const dayzero = async (...args: string[]): Promise<string> => {
    const entry = join(PACKAGE, "src/cli/dayzero.js");
    const { stdout } = await run(process.execPath, [entry, ...args], { cwd: folder, env: environment() });
    return stdout;
  };
  const state = () => cli("stack", "export");

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "dz-pulumi-")));
    await makeProject(folder, `export { default } from ${JSON.stringify(join(PACKAGE, "stacks/main.ts"))};\n`);
    await run(pulumi ?? "", ["stack", "init", "local"], { cwd: folder, env: environment() });
    await cli("config", "set", "dayzero:program", "local");
    await cli("config", "set", "--secret", "other:password", CANARY);
  }, 60_000);

  afterAll(async () => {
    await dayzero("down", "local", "--yes").catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }, 120_000);

  it("comes up, and then nothing has to change: not for up, refresh or preview", async () => {
    expect(await cli("up", "--yes", "--skip-preview")).toMatch(/\+ \d+ created/);
    for (const again of [["up", "--yes", "--skip-preview"], ["refresh", "--yes", "--skip-preview"], ["preview"]]) {
      const said = await cli(...again);
      expect(said).toMatch(/\d+ unchanged/);
      expect(said).not.toMatch(/\d+ (created|updated|deleted|replaced|changes|to )/);
    }
  }, 600_000);

  it("holds no credential in its state", async () => {
    const exported = await state();
    expect(exported).toContain("dayzero:gitops:RepositoryCredential");
    expect(exported).not.toMatch(CREDENTIAL);
    expect(exported).not.toContain(CANARY);
  }, 60_000);

  it("is destroyed, and nothing of it runs on", async () => {
    expect(await cli("destroy", "--yes", "--skip-preview")).toMatch(/- \d+ deleted/);
    const servers = async () => {
      const { stdout } = await run("ps", ["-eo", "args"]);
      return stdout.split("\n").filter((line) => line.includes(join(folder, ".dayzero")));
    };
    await waitFor("the end of the stack's processes", async () => (await servers()).length === 0);
  }, 300_000);

  it("is taken over from dayzero up, and back, with no change in between", async () => {
    await dayzero("up", "local", "--json");
    const before = await dayzero("status", "local", "--json");
    expect(await cli("up", "--yes", "--skip-preview")).toMatch(/\+ \d+ created/);
    const plan = JSON.parse(await dayzero("plan", "local", "--json")) as { changes: unknown[] };
    expect(plan.changes).toEqual([]);
    // Adopted as they were: the very same processes run.
    const pids = (text: string) => text.match(/"pid":\d+/g);
    expect(pids(await dayzero("status", "local", "--json"))).toEqual(pids(before));
    expect(await state()).not.toMatch(CREDENTIAL);
  }, 600_000);
});

describe.skipIf(pulumi === undefined)("a secret of a program of one's own under the Pulumi CLI", () => {
  it("reaches the resource, and is in clear neither in the state nor in what is shown", async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "dz-pulumi-secret-")));
    const env = environmentIn(folder);
    const cli = async (...args: string[]): Promise<string> => {
      const all = [...args, "--stack", "local", "--non-interactive", "--color", "never"];
      const { stdout, stderr } = await run(pulumi ?? "", all, { cwd: folder, env });
      return `${stdout}${stderr}`;
    };
    try {
      await makeProject(
        folder,
        `import * as pulumi from "@pulumi/pulumi";
         import { File } from ${JSON.stringify(join(PACKAGE, "src/resources/local/index.ts"))};
         const password = new pulumi.Config("other").requireSecret("password");
         const file = new File("secret", { path: "etc/secret.conf", content: pulumi.interpolate\`password=\${password}\` });
         export const digest = file.digest;`,
      );
      await cli("stack", "init");
      await cli("config", "set", "dayzero:program", "local");
      await cli("config", "set", "--secret", "other:password", CANARY);
      const said = [await cli("preview", "--diff"), await cli("up", "--yes", "--diff")];
      const path = join(folder, ".dayzero/local/etc/secret.conf");
      expect(await readFile(path, "utf8")).toBe(`password=${CANARY}`);
      await writeFile(path, "of somebody else");
      said.push(await cli("preview", "--diff"), await cli("up", "--yes", "--skip-preview", "--diff"));
      expect(await readFile(path, "utf8")).toBe(`password=${CANARY}`);
      const exported = await cli("stack", "export");
      expect(exported).toContain("etc/secret.conf");
      const digest = createHash("sha256").update(`password=${CANARY}`).digest("hex");
      said.push(exported, await cli("destroy", "--yes"));
      for (const text of said) expect(text).not.toMatch(new RegExp(`${CANARY}|${digest}`));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 180_000);
});
