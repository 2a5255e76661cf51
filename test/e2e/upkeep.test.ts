import { type ChildProcess, execFile } from "node:child_process";
import { appendFile, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubernetesClient } from "../../src/clients/KubernetesClient.ts";
import { LOG_BOUNDS } from "../../src/daemons/upkeep/rotateLogs.ts";
import { findUnrecorded } from "../../src/machine/findUnrecorded.ts";
import { StackLayout } from "../../src/machine/StackLayout.ts";
import { adminKubernetesClient } from "../../src/resources/cluster/adminKubernetesClient.ts";
import { coreLimit } from "../support/coreLimit.ts";
import { SmallDisk } from "../support/SmallDisk.ts";
import { finish, Stack } from "../support/Stack.ts";
import { waitFor } from "../support/waitFor.ts";

interface Status {
  healthy: boolean;
  problems: string[];
  revision: string;
  processes: { name: string; pid: number | null; healthy: boolean; restarts: string[] }[];
}
interface Application {
  status?: { sync?: { status?: string; revision?: string }; conditions?: { type: string; message: string }[] };
}

const run = promisify(execFile);
const SECRET = { apiVersion: "v1", kind: "Secret", namespace: "argocd", name: "repo-fleet" };
const ROOT_APPLICATION = { apiVersion: "argoproj.io/v1alpha1", kind: "Application", namespace: "argocd", name: "root" };
/** A command that starts: Node, before it has read what it is to run. */
const NOT_YET = { soft: "", hard: "" };

const noDisk = await SmallDisk.reason();
if (noDisk !== undefined) console.info(`the test of a full disk is skipped: ${noDisk}`);

let stack: Stack;
let layout: StackLayout;
let disk: SmallDisk | undefined;
let kubernetes: KubernetesClient;
/** Of `up`, its program and what else it started: command -> limits of core dumps. */
const limitsOfUp = new Map<string, { soft: string; hard: string }>();

beforeAll(async () => {
  stack = await Stack.create();
  layout = new StackLayout(stack.directory);
  // Room for some logs that grow beyond their bounds, and little enough to be filled.
  if (noDisk === undefined) disk = await SmallDisk.mount(layout.logs, "100m");
  const up = stack.spawn("up", "--json");
  const ended = finish(up);
  const watched = watchLimits(up);
  const { code, stdout, stderr } = await ended;
  await watched;
  expect(code, stdout + stderr).toBe(0);
  kubernetes = await adminKubernetesClient(layout);
}, 300_000);

afterAll(async () => {
  kubernetes?.close();
  await disk?.makeRoom();
  await stack?.run("down", "--yes", "--delete-repository");
  await disk?.unmount();
  await stack?.dispose();
});

/** Until it ends: it and its children, theirs too, but not the servers, which are looked at when they run. */
async function watchLimits(command: ChildProcess): Promise<void> {
  while (command.exitCode === null) {
    for (const pid of await familyOf(command.pid ?? 0)) {
      const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      const limits = await coreLimit(pid).catch(() => NOT_YET);
      // Before its first line has taken effect the command is env(1), then sh(1).
      if (words === "" || limits === NOT_YET || /^(env|\/usr\/bin\/env|sh|\/bin\/sh)\0/.test(words)) continue;
      limitsOfUp.set(words.replaceAll("\0", " "), limits);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function familyOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const below = await Promise.all(
    children
      .split(" ")
      .filter(Boolean)
      .map((child) => familyOf(Number(child))),
  );
  return [pid, ...below.flat()];
}

const status = async () => JSON.parse((await stack.run("status", "--json")).stdout) as Status;
const processOf = async (name: string) => {
  const found = (await status()).processes.find((process) => process.name === name);
  if (found === undefined) throw new Error(`no process ${name}`);
  return found;
};
const application = async () => (await kubernetes.get<Application>(ROOT_APPLICATION)) ?? {};
async function kill(name: string): Promise<number> {
  const { pid } = await processOf(name);
  if (pid === null) throw new Error(`${name} does not run`);
  process.kill(pid, "SIGKILL");
  return pid;
}
async function restarted(name: string, than: number): Promise<number> {
  const pidFile = () => readFile(layout.pidFile(name), "utf8");
  return waitFor(`another ${name}`, async () => Number((await pidFile()).split("\n")[0]) !== than, 60);
}

describe("core dumps", () => {
  test("are allowed to no process of a stack, not to up and not to its program", async () => {
    const { hard } = await coreLimit("self");
    if (hard === "0") console.info("this shell may not allow any, so all of these are as they were");
    const processes = await stack.processes();
    expect(processes.length).toBeGreaterThanOrEqual(10);
    for (const { pid, arguments: words } of processes)
      expect({ words, ...(await coreLimit(pid)) }).toEqual({ words, soft: "0", hard: "0" });
    const seen = [...limitsOfUp.keys()].join("\n");
    expect(seen).toMatch(/dayzero\.js up /);
    expect(seen).toMatch(/programEntry/);
    for (const [words, limits] of limitsOfUp) expect({ words, ...limits }).toEqual({ words, soft: "0", hard: "0" });
  });
});

describe("a renewer that is killed", () => {
  test("is restarted by the others as it was, which status tells; Argo CD reads on and hears of the next push", async () => {
    const pid = await kill("renewer");
    const ms = await restarted("renewer", pid);
    await waitFor("a healthy stack", async () => (await status()).healthy, 60);
    console.info(`renewer restarted ${ms} ms after it was killed`);
    expect((await processOf("renewer")).restarts).toHaveLength(1);
    expect((await stack.run("status")).stdout).toMatch(/^renewer +\d+ +running, restarted once, last .* ago$/m);
    expect((await application()).status?.conditions ?? []).toEqual([]);
    // The very process that up would start.
    expect((await stack.json<{ changes: unknown[] }>("plan")).changes).toEqual([]);

    const clone = join(stack.root, "clone");
    await run("git", ["clone", "-q", layout.repository("fleet"), clone]);
    await writeFile(join(clone, "note.txt"), "after the restart");
    const git = (...words: string[]) =>
      run("git", ["-C", clone, "-c", "user.name=p", "-c", "user.email=p@example.org", ...words]);
    await git("add", "-A");
    await git("commit", "-qm", "note");
    expect((await git("push")).stderr).toContain("refresh requested");
    const revision = (await git("rev-parse", "HEAD")).stdout.trim();
    await waitFor("the pushed revision", async () => (await application()).status?.sync?.revision === revision);
  });
});

describe("logs", () => {
  test("that have grown too large are rotated by the renewer while their servers run", async () => {
    const names = ["redis", "vault-audit"];
    const before = await Promise.all(names.map(async (name) => (await stat(layout.log(name))).size));
    for (const name of names)
      await appendFile(layout.log(name), `${"x".repeat(1023)}\n`.repeat(LOG_BOUNDS.bytes / 1024));
    for (const [index, name] of names.entries()) {
      await waitFor(
        `${name}.log.1`,
        async () => (await stat(`${layout.log(name)}.1`)).size >= (before[index] ?? 0) + LOG_BOUNDS.bytes,
        90,
      );
      await waitFor(`a new ${name}.log`, async () => (await stat(layout.log(name))).size < LOG_BOUNDS.bytes);
      for (const file of [layout.log(name), `${layout.log(name)}.1`])
        expect((await stat(file)).mode & 0o777).toBe(0o600);
    }
    expect((await readdir(layout.logs)).filter((name) => name.endsWith(".new"))).toEqual([]);
    expect((await status()).healthy).toBe(true);
    // It asks Vault about each of its resources.
    expect((await stack.run("plan")).code).toBe(0);
    expect((await stat(layout.log("vault-audit"))).size, "Vault writes into the new one").toBeGreaterThan(0);
  });
});

describe.skipIf(noDisk !== undefined)("a disk without room for Vault's audit log", () => {
  test("is told by status, up and the renewer with what to do, and nothing has to be done but that", async () => {
    await disk?.fill();
    const up = await stack.run("up", "--json");
    expect(up.code).toBe(1);
    expect(JSON.parse(up.stdout)).toMatchObject({
      ok: false,
      error: {
        code: "VAULT_AUDIT_BLOCKED",
        message: expect.stringContaining("is full"),
        hint: expect.stringContaining("make room"),
      },
    });
    expect((await status()).problems).toContainEqual(expect.stringContaining("VAULT_AUDIT_BLOCKED"));

    // What is no credential is due, which a renewer that begins finds out.
    await kubernetes.mergePatch(SECRET, { data: { password: Buffer.from("stale").toString("base64") } });
    await kill("renewer");
    await waitFor(
      "the renewer to tell",
      async () =>
        (await status()).problems.some((problem) => /the renewer cannot renew .*VAULT_AUDIT_BLOCKED/.test(problem)),
      60,
    );

    await disk?.makeRoom();
    await waitFor("the renewal, and a healthy stack", async () => (await status()).healthy, 60);
    await waitFor(
      "the renewer's log to go on",
      async () =>
        (await readFile(layout.log("renewer"), "utf8")).trimEnd().split("\n").at(-1)?.includes('"renewed"') === true,
    );
    expect((await stack.run("up")).code).toBe(0);
  });
});

describe("a renewer that is killed again and again", () => {
  test("is restarted all the same, and status says that somebody should look", async () => {
    await waitFor(
      "the shout",
      async () => {
        const { problems, processes } = await status();
        if (problems.some((problem) => problem.startsWith("renewer ends again and again"))) return true;
        const pid = processes.find(({ name }) => name === "renewer")?.pid;
        if (pid !== null && pid !== undefined) process.kill(pid, "SIGKILL");
        return false;
      },
      120,
    );
    await waitFor("the renewer after its pause", async () => (await processOf("renewer")).healthy, 90);
  });
});

test("down right after two daemons were killed leaves nothing running", async () => {
  for (const name of ["renewer", "git-server"]) await kill(name);
  const down = await stack.run("down", "--yes", "--delete-repository", "--json");
  expect(down.code, down.stderr).toBe(0);
  expect(await stack.processes()).toEqual([]);
  expect(await findUnrecorded(stack.root)).toEqual([]);
});
