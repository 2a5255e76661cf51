import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findDetached, isAlive } from "../../../src/machine/DetachedProcess.ts";
import { findUnrecorded } from "../../../src/machine/findUnrecorded.ts";
import { processStartTime } from "../../../src/machine/processIdentity.ts";
import { type Launch, startDetached } from "../../../src/machine/startDetached.ts";
import { stopProcess } from "../../../src/machine/stopProcess.ts";
import { waitFor } from "../../support/waitFor.ts";

let directory: string;
beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "dz-start-")));
});
afterEach(async () => {
  const running = await findDetached(join(directory, "run/server.pid"), directory);
  if (running !== undefined) await stopProcess(running, { graceMs: 0 });
  await rm(directory, { recursive: true, force: true });
});

function launch(script: string, digest = "digest-1"): Launch {
  return {
    directory,
    pidFile: join(directory, "run/server.pid"),
    logFile: join(directory, "logs/server.log"),
    command: ["/bin/sh", "-c", script],
    environment: { PATH: "/usr/bin:/bin", MARK: "only this" },
    digest,
  };
}
const SERVE = "echo up; exec sleep 1000";

test("startDetached(), names the server itself in the pid file before the server runs", async () => {
  const running = await startDetached(launch("cat run/server.pid; exec sleep 30"));
  expect(running).toMatchObject({ digest: "digest-1", startTime: await processStartTime(running?.pid ?? 0) });
  await waitFor("the server to read its own pid file", async () =>
    (await readFile(join(directory, "logs/server.log"), "utf8")).startsWith(`${running?.pid}\ndigest-1\n`),
  );
  expect(await readdir(join(directory, "run"))).toEqual(["server.pid"]);
});

test("startDetached(), leaves a running server alone, whatever is asked for", async () => {
  const first = await startDetached(launch(SERVE));
  expect(await startDetached(launch(SERVE, "digest-2"))).toEqual(first);
});

test("startDetached(), called many times at once, starts one server", async () => {
  const started = await Promise.all(Array.from({ length: 8 }, () => startDetached(launch(SERVE))));
  expect(new Set(started.map((running) => running?.pid)).size).toBe(1);
  const log = () => readFile(join(directory, "logs/server.log"), "utf8");
  await waitFor("the server's first word", async () => (await log()).includes("up"));
  expect((await log()).match(/up/g)).toHaveLength(1);
});

test("startDetached(), keeps no more of our environment, descriptors and file modes than it says", async () => {
  await startDetached(launch("env; ls /proc/$$/fd; ulimit -c; : >made; echo done; exec sleep 30"));
  const log = () => readFile(join(directory, "logs/server.log"), "utf8");
  await waitFor("the server to look around", async () => (await log()).includes("done"));
  expect(await log()).toContain("MARK=only this");
  expect(await log()).not.toMatch(/^(HOME|USER|VITEST)=/m);
  expect(await log()).toMatch(/^0\n1\n2\n(?!3)/m);
  expect(await log()).toMatch(/^0\ndone/m);
  expect((await stat(join(directory, "made"))).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, "logs/server.log"))).mode & 0o777).toBe(0o600);
});

test("startDetached(), tells that a program which cannot run has ended", async () => {
  const started = { ...launch(""), command: ["/no/such/program"] as const };
  await waitFor("the launcher to give up", async () => (await startDetached(started)) === undefined);
  expect(await readFile(join(directory, "logs/server.log"), "utf8")).toContain("/no/such/program");
});

test("startDetached(), killed at a random moment, leaves at most one server, which is found", async () => {
  const starter = join(directory, "starter.mjs");
  const module = new URL("../../../src/machine/startDetached.ts", import.meta.url).href;
  await writeFile(
    starter,
    `import { startDetached } from ${JSON.stringify(module)};\nprocess.send("go");\nawait startDetached(${JSON.stringify(launch(SERVE))});\n`,
  );
  for (const milliseconds of [0, 1, 2, 3, 5, 8, 12, 20]) {
    const child = spawn(process.execPath, [starter], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    await once(child, "message");
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    child.kill("SIGKILL");
    await once(child, "exit");
    const running = await startDetached(launch(SERVE));
    expect(running).toBeDefined();
    await waitFor("one server, and every launcher to have decided", async () => {
      const seen = await processesBelow(directory);
      return seen.length === 1 && seen[0]?.pid === running?.pid;
    });
    if (running !== undefined) await stopProcess(running, { graceMs: 2_000 });
  }
});

test("findDetached(), does not take a process for ours that has the pid but not the start time", async () => {
  const running = await startDetached(launch(SERVE));
  const pidFile = join(directory, "run/server.pid");
  const text = await readFile(pidFile, "utf8");
  const stranger = text.replaceAll(String(running?.pid), String(process.pid));
  await writeFile(pidFile, stranger);
  expect(await findDetached(pidFile, directory)).toBeUndefined();
  await writeFile(pidFile, text);
  expect(await findDetached(pidFile, directory)).toEqual(running);
});

test("findDetached(), does not take over the processes of the folder that this one is a copy of", async () => {
  await startDetached(launch(SERVE));
  const copy = `${directory}-copy`;
  await cp(directory, copy, { recursive: true });
  try {
    expect(await findDetached(join(copy, "run/server.pid"), copy)).toBeUndefined();
  } finally {
    await rm(copy, { recursive: true });
  }
});

test("findDetached(), takes a pid file of an earlier boot for stale", async () => {
  const running = await startDetached(launch(SERVE));
  const pidFile = join(directory, "run/server.pid");
  const text = await readFile(pidFile, "utf8");
  await writeFile(pidFile, text.replace(/[0-9a-f-]{36}/, "00000000-0000-0000-0000-000000000000"));
  expect(await findDetached(pidFile, directory)).toBeUndefined();
  await writeFile(pidFile, text);
  expect(await isAlive(running ?? { pid: 0, startTime: "" })).toBe(true);
});

test.skipIf(process.platform !== "linux")(
  "findUnrecorded(), finds the servers of a folder, and nobody else who works there",
  async () => {
    const running = await startDetached(launch(SERVE));
    const people = [
      spawn("sleep", ["30"], { cwd: directory, stdio: "ignore", detached: true }),
      spawn("sh", ["-c", "sleep 30 >>logs/server.log"], { cwd: directory, stdio: "ignore", detached: true }),
    ];
    await Promise.all(people.map((child) => once(child, "spawn")));
    try {
      await rm(join(directory, "run"), { recursive: true });
      const { pid, startTime } = running ?? {};
      expect(await findUnrecorded(directory)).toEqual([{ name: "server", pid, startTime }]);
      expect(await findUnrecorded(join(directory, "logs"))).toEqual([]);
    } finally {
      for (const { pid } of people) if (pid !== undefined) process.kill(-pid, "SIGKILL");
      if (running !== undefined) await stopProcess(running, { graceMs: 0 });
    }
  },
);

test("stopProcess(), lets a frozen server end by itself", async () => {
  const running = await startDetached(
    launch("trap 'echo bye >left; exit 0' TERM; echo up; while :; do sleep 0.02; done"),
  );
  await waitFor("the trap", async () => (await readFile(join(directory, "logs/server.log"), "utf8")) === "up\n");
  process.kill(running?.pid ?? 0, "SIGSTOP");
  await stopProcess(running ?? { pid: 0, startTime: "" }, { graceMs: 5_000 });
  expect(existsSync(join(directory, "left"))).toBe(true);
});

test("stopProcess(), lets a server end by itself", async () => {
  const running = await startDetached(
    launch("trap 'echo bye >left; exit 0' TERM; echo up; while :; do sleep 0.02; done"),
  );
  await waitFor("the trap", async () => (await readFile(join(directory, "logs/server.log"), "utf8")) === "up\n");
  await stopProcess(running ?? { pid: 0, startTime: "" }, { graceMs: 5_000 });
  expect(existsSync(join(directory, "left"))).toBe(true);
});

test("stopProcess(), kills what does not listen, with its children", async () => {
  const running = await startDetached(
    launch(
      "trap '' TERM; sh -c \"trap '' TERM; while :; do sleep 0.02; done\" & echo up; while :; do sleep 0.02; done",
    ),
  );
  await waitFor("the trap", async () => (await readFile(join(directory, "logs/server.log"), "utf8")) === "up\n");
  await stopProcess(running ?? { pid: 0, startTime: "" }, { graceMs: 50 });
  await waitFor("all of the group to be gone", async () => (await processesBelow(directory)).length === 0);
});

test("stopProcess(), leaves a process alone that has the pid but not the start time", async () => {
  const running = await startDetached(launch(SERVE));
  if (running === undefined) throw new Error("nothing runs");
  await stopProcess({ pid: running.pid, startTime: "1" }, { graceMs: 0 });
  expect(await isAlive(running)).toBe(true);
});

async function processesBelow(folder: string): Promise<{ pid: number; arguments: string }[]> {
  const { readlink } = await import("node:fs/promises");
  const found = await Promise.all(
    (await readdir("/proc"))
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => {
        const cwd = await readlink(`/proc/${name}/cwd`).catch(() => "");
        const line = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
        return cwd === folder && line !== "" ? [{ pid: Number(name), arguments: line }] : [];
      }),
  );
  return found.flat();
}
