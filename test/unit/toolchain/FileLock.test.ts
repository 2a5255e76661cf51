import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FileLock, type LockHolder } from "../../../src/machine/FileLock.ts";
import { processStartTime } from "../../../src/machine/processIdentity.ts";

const contender = fileURLToPath(new URL("lockContender.ts", import.meta.url));
let folder: string;
let path: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dayzero-lock-"));
  path = join(folder, "lock");
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

function contend(...more: string[]): ChildProcess {
  const child = spawn(process.execPath, [contender, path, ...more], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  return child;
}

async function says(child: ChildProcess, word: string): Promise<void> {
  let heard = "";
  for await (const chunk of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    heard += String(chunk);
    if (heard.includes(word)) return;
  }
  throw new Error(`ended without saying "${word}": ${heard}`);
}

test("FileLock.acquire() lets a second holder in only after release, and tells who it waits for", async () => {
  const first = await FileLock.acquire({ path });
  const waited: LockHolder[] = [];
  let second: FileLock | undefined;
  const pending = FileLock.acquire({ path, onWait: (holder) => waited.push(holder) }).then((lock) => {
    second = lock;
    return lock;
  });
  await expect.poll(() => waited.length).toBe(1);
  expect(waited[0]?.pid).toBe(process.pid);
  expect(second).toBeUndefined();
  expect(await FileLock.tryAcquire({ path })).toBeUndefined();
  await first.release();
  await (await pending).release();
  expect(await readdir(folder)).toEqual([]);
});

test("FileLock.acquire() waits for a living process and takes over after SIGKILL", async () => {
  const holder = contend();
  await says(holder, "held");
  expect(await FileLock.tryAcquire({ path })).toBeUndefined();
  holder.kill("SIGKILL");
  await once(holder, "exit");
  const lock = await FileLock.acquire({ path });
  expect((JSON.parse(await readFile(path, "utf8")) as LockHolder).pid).toBe(process.pid);
  await lock.release();
  expect(await readdir(folder)).toEqual([]);
});

test("FileLock.acquire() takes over from a holder whose pid now belongs to another process", async () => {
  const ours = await FileLock.acquire({ path });
  await writeFile(path, JSON.stringify({ ...ours.holder, token: "0123456789abcdef", started: "1" }));
  const lock = await FileLock.tryAcquire({ path });
  expect(lock?.holder.token).not.toBe("0123456789abcdef");
});

test("FileLock.acquire() takes over from before a reboot, and not from another pid namespace", async () => {
  const ours = await FileLock.acquire({ path });
  await writeFile(path, JSON.stringify({ ...ours.holder, token: "0123456789abcdef", boot: "another-boot" }));
  expect(await FileLock.tryAcquire({ path })).toBeDefined();
  await writeFile(path, JSON.stringify({ ...ours.holder, pid: 999_999_999, namespace: "pid:[1]" }));
  expect(await FileLock.tryAcquire({ path })).toBeUndefined();
});

test("FileLock.acquire() takes over a guard whose taker died in the middle of a takeover", async () => {
  const ours = await FileLock.acquire({ path });
  const dead = { ...ours.holder, started: "1" };
  await writeFile(path, JSON.stringify({ ...dead, token: "aaaaaaaaaaaaaaaa" }));
  await writeFile(`${path}.aaaaaaaaaaaaaaaa`, JSON.stringify({ ...dead, token: "bbbbbbbbbbbbbbbb" }));
  await writeFile(`${path}.999999999-cccccccccccccccc.new`, "left by a killed process");
  const lock = await FileLock.acquire({ path });
  expect(await readdir(folder)).toEqual(["lock"]);
  await lock.release();
});

test.each(["", '{"token":"0123456789abcdef","pi'])(
  "FileLock.acquire() takes over a lock that the machine went down over: %j",
  async (left) => {
    await writeFile(path, left);
    const takers = await Promise.all(Array.from({ length: 4 }, () => FileLock.tryAcquire({ path })));
    expect(takers.filter((lock) => lock !== undefined)).toHaveLength(1);
    expect(await readdir(folder)).toEqual(["lock"]);
  },
);

test("FileLock.acquire() lets one of many takers of a dead holder's lock win at a time", async () => {
  const counter = join(folder, "..", `${folder.split("/").at(-1)}-count`);
  await writeFile(counter, "0");
  const holder = contend();
  await says(holder, "held");
  const takers = Array.from({ length: 6 }, () => contend(counter));
  await Promise.all(takers.map((taker) => says(taker, "waiting")));
  const ended = Promise.all(takers.map((taker) => once(taker, "exit")));
  holder.kill("SIGKILL");
  expect((await ended).map(([code]) => code)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(await readFile(counter, "utf8")).toBe("60");
  await rm(counter);
}, 30_000);

test("FileLock.acquire() stops waiting when aborted", async () => {
  const first = await FileLock.acquire({ path });
  const abort = new AbortController();
  const pending = FileLock.acquire({ path, signal: abort.signal, onWait: () => abort.abort(new Error("enough")) });
  await expect(pending).rejects.toThrow(/enough|aborted/);
  await first.release();
});

test("FileLock.release() leaves another holder's lock alone", async () => {
  const first = await FileLock.acquire({ path });
  await writeFile(path, JSON.stringify({ ...first.holder, token: "ffffffffffffffff" }));
  await first.release();
  expect((JSON.parse(await readFile(path, "utf8")) as LockHolder).token).toBe("ffffffffffffffff");
});

test("processStartTime() is stable for a living process and undefined for none", async () => {
  expect(await processStartTime(process.pid)).toBe(await processStartTime(process.pid));
  expect(await processStartTime(999_999_999)).toBeUndefined();
});
