import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyAndTruncate, renameLog } from "../../../src/machine/rotateLog.ts";
import { waitFor } from "../../support/waitFor.ts";

const BOUNDS = { bytes: 1_000, kept: 2 };
const MODULE = new URL("../../../src/machine/rotateLog.ts", import.meta.url).href;

let folder: string;
let log: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dz-rotate-"));
  log = join(folder, "server.log");
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true });
});

/** A server whose output is appended to the log, as `startDetached` gives it to one. */
async function server(script: string): Promise<ChildProcess> {
  const file = await open(log, "a", 0o600);
  const child = spawn(process.execPath, ["-e", script], { stdio: ["pipe", file.fd, file.fd] });
  children.push(child);
  await file.close();
  return child;
}

/** All that was said, the first line first. */
async function said(): Promise<string[]> {
  const files = (await readdir(folder)).sort().reverse();
  const texts = await Promise.all(
    files.filter((name) => name !== "server.log").map((name) => readFile(join(folder, name), "utf8")),
  );
  return [...texts, await readFile(log, "utf8")].join("").trimEnd().split("\n");
}

test("copyAndTruncate() leaves a log alone that is no larger than it may be", async () => {
  await writeFile(log, "x".repeat(BOUNDS.bytes));
  await copyAndTruncate(log, BOUNDS);
  expect(await readdir(folder)).toEqual(["server.log"]);
});

test("copyAndTruncate() takes the log from a server that never notices, and keeps as many as it is told", async () => {
  const echo = await server("process.stdin.on('data', (line) => process.stdout.write(line))");
  const tell = async (line: string) => {
    echo.stdin?.write(`${line}\n`);
    await waitFor(`the server to say ${line}`, async () => (await readFile(log, "utf8")).endsWith(`${line}\n`));
  };
  for (const round of [1, 2, 3, 4]) {
    await tell(`${round}${"x".repeat(BOUNDS.bytes)}`);
    await copyAndTruncate(log, BOUNDS);
    await tell(`after ${round}`);
  }
  expect((await readdir(folder)).sort()).toEqual(["server.log", "server.log.1", "server.log.2"]);
  expect((await said()).map((line) => line.replace(/x+$/, ""))).toEqual(["after 2", "3", "after 3", "4", "after 4"]);
  for (const name of await readdir(folder)) expect((await stat(join(folder, name))).mode & 0o777, name).toBe(0o600);
});

test("copyAndTruncate() keeps what is written while it copies: every line whole, in order and once", async () => {
  const script =
    "let n = 0; setInterval(() => { for (let i = 0; i < 50; i++) process.stdout.write('line ' + n++ + '\\n'); }, 1)";
  await server(script);
  const bounds = { bytes: 20_000, kept: 1_000 };
  await waitFor("ten rotations", async () => {
    await copyAndTruncate(log, bounds);
    return (await readdir(folder)).length > 10;
  });
  children.at(-1)?.kill("SIGKILL");
  const numbers: number[] = [];
  const files = (await readdir(folder)).sort((one, other) => Number(other.slice(11)) - Number(one.slice(11)));
  for (const name of [...files.filter((file) => file !== "server.log"), "server.log"]) {
    const text = await readFile(join(folder, name), "utf8");
    for (const line of text.split("\n").slice(0, -1)) {
      expect(line).toMatch(/^line \d+$/);
      numbers.push(Number(line.slice(5)));
    }
  }
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  const lost = (numbers.at(-1) ?? 0) + 1 - numbers.length;
  console.info(`${numbers.length} lines over ${files.length} files, ${lost} lost`);
  expect(lost).toBeLessThan(numbers.length / 100);
});

test("copyAndTruncate(), killed at a random moment, loses no line", async () => {
  const lines = Array.from({ length: 40_000 }, (_, number) => `line ${number}`);
  for (const milliseconds of [0, 1, 2, 4, 8, 16]) {
    for (const name of await readdir(folder)) await rm(join(folder, name));
    await writeFile(log, `${lines.join("\n")}\n`);
    const script = `import { copyAndTruncate } from ${JSON.stringify(MODULE)}; process.send("go"); await copyAndTruncate(${JSON.stringify(log)}, ${JSON.stringify(BOUNDS)});`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    children.push(child);
    const exited = once(child, "exit");
    await once(child, "message");
    setTimeout(() => child.kill("SIGKILL"), milliseconds);
    await exited;
    const before = await readdir(folder);
    await copyAndTruncate(log, BOUNDS);
    expect(
      (await readdir(folder)).filter((name) => name.endsWith(".new")),
      before.join(),
    ).toEqual([]);
    expect([...new Set(await said())], before.join()).toEqual(lines);
  }
});

test("copyAndTruncate() on a full disk throws, takes no room and leaves the log whole", async () => {
  await writeFile(log, "x".repeat(5_000));
  // What the copy is written to stands for the disk: it takes nothing.
  await symlink("/dev/full", `${log}.new`);
  await expect(copyAndTruncate(log, BOUNDS)).rejects.toMatchObject({ code: "ENOSPC" });
  expect(await readdir(folder)).toEqual(["server.log"]);
  expect((await stat(log)).size).toBe(5_000);
});

test("renameLog() takes the log away whole: whoever has it open writes on into the renamed file", async () => {
  const writer = await open(log, "a", 0o600);
  await writer.write("x".repeat(5_000));
  await renameLog(log, BOUNDS);
  await writer.write("the last word");
  await writer.close();
  expect(await readdir(folder)).toEqual(["server.log.1"]);
  expect(await readFile(`${log}.1`, "utf8")).toMatch(/the last word$/);
  await appendFile(log, "small");
  await renameLog(log, BOUNDS);
  expect((await readdir(folder)).sort()).toEqual(["server.log", "server.log.1"]);
});
