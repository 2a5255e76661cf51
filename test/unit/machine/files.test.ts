import { mkdtemp, readdir, readFile, realpath, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePorts, isPortFree } from "../../../src/machine/freePorts.ts";
import { makeFolder } from "../../../src/machine/makeFolder.ts";
import { socketPath } from "../../../src/machine/socketPath.ts";
import { writeFileAtomic } from "../../../src/machine/writeFileAtomic.ts";

let directory: string;
beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "dz-files-")));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test("makeFolder(), makes what is missing and tells the first of it", async () => {
  const path = join(directory, "a/b/c");
  expect(await makeFolder(path, 0o700)).toBe(join(directory, "a"));
  expect(await makeFolder(path)).toBeUndefined();
  expect((await stat(join(directory, "a/b"))).mode & 0o777).toBe(0o700);
  await writeFileAtomic(join(directory, "file"), "");
  await expect(makeFolder(join(directory, "file"))).rejects.toMatchObject({ code: "EEXIST" });
  await expect(makeFolder(join(directory, "file/a"))).rejects.toMatchObject({ code: "ENOTDIR" });
});

test("writeFileAtomic(), makes folders 0700 and the file with its mode, whatever the umask", async () => {
  const umask = process.umask(0o077);
  try {
    await writeFileAtomic(join(directory, "a/b/file"), "content", 0o755);
  } finally {
    process.umask(umask);
  }
  expect(await readFile(join(directory, "a/b/file"), "utf8")).toBe("content");
  expect((await stat(join(directory, "a/b/file"))).mode & 0o777).toBe(0o755);
  expect((await stat(join(directory, "a"))).mode & 0o777).toBe(0o700);
  expect((await stat(join(directory, "a/b"))).mode & 0o777).toBe(0o700);
});

test("writeFileAtomic(), never shows a reader half of a file", async () => {
  const file = join(directory, "file");
  const [small, large] = ["a".repeat(10), "b".repeat(1_000_000)];
  await writeFileAtomic(file, small);
  let writing = true;
  const seen = new Set<string>();
  const reader = (async () => {
    while (writing) seen.add(await readFile(file, "utf8"));
  })();
  for (let round = 0; round < 20; round++) await writeFileAtomic(file, round % 2 === 0 ? large : small);
  writing = false;
  await reader;
  for (const content of seen) expect([small, large]).toContain(content);
});

test("writeFileAtomic(), leaves no draft behind when it fails", async () => {
  await writeFileAtomic(join(directory, "folder/file"), "");
  await expect(writeFileAtomic(join(directory, "folder"), "content")).rejects.toThrow();
  expect(await readdir(directory)).toEqual(["folder"]);
});

test("freePorts(), chooses neighbours below the range of outgoing connections, that nothing listens on", async () => {
  const ports = await freePorts(11, new Set());
  expect(ports).toEqual(Array.from({ length: 11 }, (_, index) => (ports[0] ?? 0) + index));
  expect(ports.at(-1)).toBeLessThan(30_000);
  expect(await Promise.all(ports.map(isPortFree))).not.toContain(false);
});

test("freePorts(), passes over what is taken", async () => {
  const taken = new Set(Array.from({ length: 20_000 }, (_, index) => 10_000 + index).filter((port) => port % 10 > 4));
  const ports = await freePorts(3, taken);
  expect(ports.some((port) => taken.has(port))).toBe(false);
});

test("isPortFree(), sees a server that listens on loopback", async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );
  expect(await isPortFree(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await isPortFree(port)).toBe(true);
});

test("socketPath(), prefers the shorter name and refuses what the system cannot hold", () => {
  expect(socketPath(join(process.cwd(), "run/identity.sock"))).toBe("run/identity.sock");
  expect(() => socketPath(`/${"long/".repeat(30)}identity.sock`)).toThrowError(
    expect.objectContaining({ code: "SOCKET_PATH_TOO_LONG" }),
  );
});
