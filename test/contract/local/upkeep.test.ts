import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { GitServerConfiguration } from "../../../src/daemons/git/GitServerConfiguration.ts";
import { keepsEnding } from "../../../src/daemons/upkeep/restartPolicy.ts";
import { isAlive } from "../../../src/machine/DetachedProcess.ts";
import { FileLock } from "../../../src/machine/FileLock.ts";
import { findUnrecorded } from "../../../src/machine/findUnrecorded.ts";
import { freePorts } from "../../../src/machine/freePorts.ts";
import { readRestarts } from "../../../src/machine/restarts.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { stopProcess } from "../../../src/machine/stopProcess.ts";
import { authorityResource } from "../../../src/resources/local/AuthorityResource.ts";
import { fileResource } from "../../../src/resources/local/FileResource.ts";
import type { ProcessInputs } from "../../../src/resources/local/ProcessInputs.ts";
import { type ProcessLive, processResource } from "../../../src/resources/local/ProcessResource.ts";
import type { Context, Resource } from "../../../src/resources/Resource.ts";
import { localContext } from "../../support/localContext.ts";
import { waitFor } from "../../support/waitFor.ts";

const ENTRY = fileURLToPath(new URL("../../../src/cli/dayzero.js", import.meta.url));

// The stack's own daemons as `up` starts them; of what they would ask, Vault and the API server, nothing is needed to stay alive.
let root: string;
let layout: StackLayout;
let context: Context;
let broker: ProcessLive;
let git: ProcessLive;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "dz-upkeep-")));
  layout = new StackLayout(join(root, "local"));
  context = { ...localContext(layout.directory), tool: () => [process.execPath, ENTRY] };
  await mkdir(join(layout.directory, "git"), { recursive: true, mode: 0o700 });
  await writeFile(join(layout.directory, "stack.json"), '{"program":"local"}\n');
  const leaf = { name: "git", commonName: "git", ipAddresses: ["127.0.0.1"], usages: ["server"] };
  await apply(authorityResource, { name: "platform", leaves: [leaf] });
  await apply(authorityResource, { name: "kubernetes", leaves: [] });
  const [port = 0] = await freePorts(1, new Set());
  const configuration: GitServerConfiguration = {
    port,
    git: "/usr/bin/git",
    repositories: "git",
    tls: { certificate: "pki/platform/git.crt", key: "pki/platform/git.key" },
    oidc: {
      issuer: "https://127.0.0.1:1",
      jwksUri: "https://127.0.0.1:1/keys",
      ca: "pki/platform/ca.crt",
      audience: "test",
      algorithms: ["ES256"],
      generation: "test",
    },
  };
  await apply(fileResource, { path: "etc/git-server.json", content: JSON.stringify(configuration) });
  await apply(fileResource, {
    path: "etc/identity-broker.json",
    content: '{"server": "https://127.0.0.1:1", "allow": []}',
  });
  broker = await apply(
    processResource,
    daemon("identity-broker", "identity-broker", { kind: "unix", path: "run/identity.sock" }),
  );
  git = await apply(
    processResource,
    daemon("git-server", "git", { kind: "http", url: `https://127.0.0.1:${port}/healthz`, authority: "platform" }),
  );
});
afterEach(async () => {
  for (const running of await findUnrecorded(layout.directory)) await stopProcess(running, { graceMs: 0 });
  await rm(root, { recursive: true, force: true });
});

async function apply<Inputs, Live extends object>(resource: Resource<Inputs, Live>, given: object): Promise<Live> {
  return resource.apply([], resource.inputs.parse(given), context);
}
const daemon = (name: string, part: string, ready: ProcessInputs["ready"] | object) => ({
  name,
  tool: "dayzero",
  args: ["serve", part, "--directory", "{directory}"],
  ready,
});
async function kill(running: ProcessLive): Promise<void> {
  process.kill(running.pid, "SIGKILL");
  await waitFor(`the end of ${running.name}`, async () => !(await isAlive(running)));
}
async function another(than: ProcessLive): Promise<ProcessLive> {
  let found: ProcessLive | undefined;
  await waitFor(`another ${than.name}`, async () => {
    found = await processResource.read(than.name, context);
    return found?.ready === true && found.pid !== than.pid;
  });
  if (found === undefined) throw new Error("unreachable");
  return found;
}
const restarts = (name: string) => readRestarts(layout, name);
const log = (name: string) => readFile(layout.log(name), "utf8");

test("a daemon that is killed is restarted by another one as it was started, whichever of the two it is", async () => {
  await kill(git);
  const nextGit = await another(git);
  expect(nextGit.digest).toBe(git.digest);
  expect(await restarts("git-server")).toHaveLength(1);
  await kill(broker);
  await another(broker);
  expect(await restarts("identity-broker")).toHaveLength(1);
  expect((await processResource.read("git-server", context))?.pid).toBe(nextGit.pid);
  expect((await stat(layout.restarts("git-server"))).mode & 0o777).toBe(0o600);
});

test("a daemon that ends again and again is restarted after pauses that grow, and counts as in trouble", async () => {
  // It has no configuration, so it ends by itself.
  const renewer = daemon("renewer", "renewer", { kind: "unix", path: "run/renewer.sock" });
  await expect(apply(processResource, renewer)).rejects.toMatchObject({ code: "PROCESS_EXITED" });
  await waitFor("four restarts", async () => (await restarts("renewer")).length >= 4, 50);
  const times = (await restarts("renewer")).map((time) => time.getTime());
  for (const [index, pause] of [2_000, 4_000, 8_000].entries())
    expect((times[index + 1] ?? 0) - (times[index] ?? 0)).toBeGreaterThanOrEqual(pause);
  expect(keepsEnding(await restarts("renewer"), new Date())).toBe(true);
  expect((await Promise.all(["git-server", "identity-broker"].map(log))).join("")).toContain(
    'process "renewer" ended before it was ready',
  );
}, 90_000);

test("nobody is restarted while somebody works on the stack, and nobody whom it gave up", async () => {
  const lock = await FileLock.acquire({ path: layout.lock });
  await kill(git);
  await waitFor("two attempts", async () => ((await log("identity-broker")).match(/"restarting"/g) ?? []).length >= 2);
  expect(await processResource.read("git-server", context)).toBeUndefined();
  expect(await restarts("git-server")).toEqual([]);
  await lock.release();
  const next = await another(git);

  const held = await FileLock.acquire({ path: layout.lock });
  await processResource.remove("git-server", context);
  await held.release();
  // The broker looks at all of them in turn: once it has restarted another one it has looked at this one too.
  await writeFile(layout.processSpec("renewer"), await readFile(layout.processSpec("identity-broker"), "utf8"));
  await writeFile(layout.pidFile("renewer"), "1\nnobody\n");
  await waitFor("a look at the others", async () => (await restarts("renewer")).length > 0);
  expect(await isAlive(next)).toBe(false);
  expect(await processResource.read("git-server", context)).toBeUndefined();
});

test("down right after a kill leaves nothing running", async () => {
  await kill(git);
  // In the middle of a restart is the worst moment: the lock is taken from whoever restarts.
  await waitFor("the restart to begin", async () => (await log("identity-broker")).includes('"restarting"'));
  const words = ["down", "local", "--state", root, "--yes", "--json"];
  const { stdout } = await promisify(execFile)(ENTRY, words, { cwd: root });
  expect(JSON.parse(stdout)).toMatchObject({ ok: true });
  expect(await findUnrecorded(root)).toEqual([]);
  expect(await isAlive(broker)).toBe(false);
  await expect(stat(layout.directory)).rejects.toMatchObject({ code: "ENOENT" });
});
