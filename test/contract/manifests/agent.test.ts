import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from "vitest";
import type { AgentConfiguration } from "../../../src/manifests/agent/AgentConfiguration.ts";
import { GIT_READER as ACCOUNT } from "../../../src/manifests/vault/trustNames.ts";
import { listeners } from "../../support/listeners.ts";
import { waitFor } from "../../support/waitFor.ts";
import { Platform } from "../git/Platform.ts";

const ENTRY = fileURLToPath(new URL("../../../src/cli/dayzero.js", import.meta.url));
const TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]*/;

let platform: Platform;
let folder: string;
let agent: { child: ChildProcess; log: string } | undefined;

beforeAll(async () => {
  platform = await Platform.create(inject("tools"));
  await platform.kill("renewer");
  // Given up as well, or the other daemons would start it again.
  await rm(platform.layout.processSpec("renewer"));
}, 120_000);

afterAll(() => platform?.dispose(), 120_000);

beforeEach(async () => {
  await platform.renew();
  folder = await mkdtemp(join(tmpdir(), "dz-agent-"));
  await mkdir(join(folder, "identity"));
  await writeFile(join(folder, "identity", "ca.crt"), platform.clusterCa);
  await project("token", undefined);
  await project("vault-token", "vault");
  await configure({});
});

afterEach(async () => {
  await stop("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** As the kubelet does it: a new token in the place of the one before. */
async function project(file: string, audience: string | undefined): Promise<string> {
  const { token } = await platform.kubernetes.serviceAccountToken({
    ...ACCOUNT.serviceAccount,
    ...(audience === undefined ? {} : { audiences: [audience] }),
    expirationSeconds: 600,
  });
  const path = join(folder, "identity", file);
  await writeFile(`${path}.new`, token.reveal());
  await rename(`${path}.new`, path);
  return token.reveal();
}

async function configure(change: Partial<AgentConfiguration>): Promise<void> {
  const { vaultAddress, vaultCa, gitCa, mount, repository, url, oidcRole, namespace } = platform.credential;
  const configuration: AgentConfiguration = {
    server: platform.kubernetes.server,
    ...{ vaultAddress, vaultCa, gitCa, mount, repository, url, oidcRole, namespace },
    ...change,
  };
  await writeFile(join(folder, "agent.json"), JSON.stringify(configuration));
}

const args = () => [
  ENTRY,
  "agent",
  ...["--config", join(folder, "agent.json")],
  ...["--identity", join(folder, "identity")],
  ...["--heartbeat", join(folder, "heartbeat.json")],
];

function start(): { child: ChildProcess; log: string } {
  const child = spawn(process.execPath, args(), { stdio: ["ignore", "pipe", "pipe"], env: {} });
  const started = { child, log: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => {
      started.log += String(chunk);
    });
  }
  agent = started;
  return started;
}

async function stop(signal: NodeJS.Signals): Promise<number | null> {
  const child = agent?.child;
  agent = undefined;
  if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.kill(signal);
  return exited;
}

function run(...more: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [...args(), ...more], { env: {} }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test("dayzero agent renews, by the tokens that lie in its files at the time, opens no port and writes no token down", async () => {
  const restore = await platform.changeRole({ ttl: 3 });
  try {
    await platform.overwrite("stale");
    const { epoch } = await platform.inPlace();
    const { child } = start();
    await waitFor("two renewals", async () => (await platform.inPlace()).epoch >= epoch + 2, 30);

    const vaultToken = join(folder, "identity", "vault-token");
    await writeFile(vaultToken, "rotten");
    await waitFor("a failure", () => /"failed".*TOKEN_MISSING.*vault-token/.test(agent?.log ?? ""), 30);
    const { epoch: before } = await platform.inPlace();
    await project("vault-token", "vault");
    await project("token", undefined);
    await waitFor("the next renewals", async () => (await platform.inPlace()).epoch >= before + 2, 30);

    expect(await listeners([child.pid as number])).toEqual([]);
    const beat = await readFile(join(folder, "heartbeat.json"), "utf8");
    for (const text of [agent?.log ?? "", beat]) expect(text).not.toMatch(TOKEN);
    expect(JSON.parse(beat)).toMatchObject({ failures: 0, lastError: null });
    expect(await platform.passwordInPlace()).toMatch(TOKEN);
    expect(await stop("SIGTERM")).toBe(0);
  } finally {
    await restore();
  }
});

test("dayzero agent renews at its start, whatever the age of the credential, but leaves a Secret for another URL alone", async () => {
  await platform.renew();
  const { epoch, writer } = await platform.inPlace();
  await configure({ url: "https://git.example.org/elsewhere.git" });
  start();
  await waitFor("the refusal", () => /REPOSITORY_URL_CHANGED/.test(agent?.log ?? ""), 30);
  expect(await run("--check", "ready")).toMatchObject({ code: 1 });
  await stop("SIGKILL");
  expect(await platform.inPlace()).toMatchObject({ epoch, writer });
  await configure({});
  start();
  await waitFor("the renewal", async () => (await platform.inPlace()).epoch === epoch + 1, 30);
  expect((await platform.inPlace()).writer).toMatch(/^agent\/[0-9a-f-]{36}$/);
  expect((await platform.renew()).changes).toEqual([]);
});

test("dayzero agent --check tells a probe whether it is alive, and whether the credential is good", async () => {
  expect(await run("--check", "alive")).toMatchObject({ code: 1, stderr: expect.stringContaining("no heartbeat") });
  start();
  await waitFor("the heartbeat", async () => (await run("--check", "ready")).code === 0);
  expect((await run("--check", "alive")).code).toBe(0);
  await stop("SIGKILL");
  const path = join(folder, "heartbeat.json");
  const beat = JSON.parse(await readFile(path, "utf8")) as object;
  await writeFile(path, JSON.stringify({ ...beat, expiresAt: "2020-01-01T00:00:00.000Z", lastError: "no route" }));
  expect((await run("--check", "alive")).code).toBe(0);
  expect(await run("--check", "ready")).toMatchObject({ code: 1, stderr: expect.stringMatching(/expired.*no route/) });
  await writeFile(path, JSON.stringify({ ...beat, at: "2020-01-01T00:00:00.000Z" }));
  expect(await run("--check", "alive")).toMatchObject({ code: 1, stderr: expect.stringContaining("last heartbeat") });
});

test("dayzero agent --once renews what is due, and only that", async () => {
  await platform.overwrite("stale");
  const { epoch } = await platform.inPlace();
  expect(await run("--once")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^renewed: credential/) });
  expect((await platform.inPlace()).epoch).toBe(epoch + 1);
  const { code, stdout } = await run("--once", "--json");
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { renewed: false, fingerprint: expect.any(String) }]);
  expect((await platform.inPlace()).epoch).toBe(epoch + 1);
});

test.each<[string, () => Promise<unknown>, RegExp]>([
  [
    "a token of another audience, which Vault never sees",
    () => project("vault-token", "elsewhere"),
    /its audience is "elsewhere", not "vault" \[TOKEN_AUDIENCE_WRONG\]\nhint: set audience: vault/,
  ],
  ["no token", () => rm(join(folder, "identity", "vault-token")), /cannot read a service-account token/],
  [
    "a mount of another generation",
    () => configure({ mount: "dayzero/test/00000000" }),
    /vault answered 4\d\d to POST auth\/dayzero\/test\/00000000\/login/,
  ],
  ["a Secret of another repository", () => configure({ repository: "other" }), /repo-other.*403/],
  [
    "a configuration with a mistake",
    () => writeFile(join(folder, "agent.json"), '{"server":"http://a"}'),
    /cannot use the agent's configuration/,
  ],
])("dayzero agent --once fails with %s, and says so", async (_, spoil, message) => {
  await platform.overwrite("stale");
  const { epoch } = await platform.inPlace();
  await spoil();
  const { code, stderr } = await run("--once");
  expect(code).toBe(1);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/this is a defect/);
  expect(stderr).not.toMatch(TOKEN);
  expect((await platform.inPlace()).epoch).toBe(epoch);
});
