import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureTools, type ToolProgress } from "../../../src/toolchain/ensureTools.ts";
import { parseToolchainLock } from "../../../src/toolchain/ToolchainLock.ts";
import { ReleaseServer, sendHalf } from "./ReleaseServer.ts";

const child = fileURLToPath(new URL("ensureToolsChild.ts", import.meta.url));
// Long enough that its first half leaves the client's buffers and is seen on disk.
const payload = `#!/bin/sh\necho "tool v1.2.3"\nexit 0\n${"# padding\n".repeat(40_000)}`;
const probe = { arguments: ["--version"], pattern: "tool v(\\S+)" };

let folder: string;
let cacheDir: string;
let server: ReleaseServer;
let events: ToolProgress[];
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dayzero-tools-"));
  cacheDir = join(folder, "cache");
  server = await ReleaseServer.start();
  events = [];
});

afterEach(async () => {
  for (const one of children.splice(0)) one.kill("SIGKILL");
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const sha256 = (content: string) => createHash("sha256").update(content).digest("hex");
const pinned = (more: object = {}) => ({ url: server.url("/tool"), sha256: sha256(payload), ...more });
const release = (file: object) => ({
  kind: "release",
  files: { "linux-x64": file, "linux-arm64": file, "darwin-arm64": file },
  seconds: 1,
});
const goBuild = { kind: "go-build", module: "tool", package: "dayzero.test/tool", ldflags: "-s -w", seconds: 5 };
const lockOf = (...sources: object[]) => ({ go: "1.26", pins: [{ name: "tool", version: "1.2.3", probe, sources }] });

function ensure(lock: object, more: { mirror?: string; path?: string } = {}) {
  return ensureTools({
    cacheDir,
    environment: { PATH: process.env.PATH ?? "", HOME: folder, GOPROXY: "off" },
    lock: parseToolchainLock(JSON.stringify(lock), join(folder, "lock.json")),
    onProgress: (event) => events.push(event),
    ...more,
  });
}

async function writeGoModule(source: string): Promise<void> {
  const module = join(folder, "go", "tool");
  await mkdir(module, { recursive: true });
  await writeFile(join(module, "go.mod"), "module dayzero.test/tool\n\ngo 1.26\n");
  await writeFile(join(module, "main.go"), source);
}

const goodGo = 'package main\n\nfunc main() { println("tool v1.2.3") }\n';

function everything(): Promise<string[]> {
  return readdir(cacheDir, { recursive: true }).catch(() => []);
}

/** Bytes of the download that are on disk. */
async function partial(): Promise<number> {
  const name = (await readdir(join(cacheDir, "downloads")).catch(() => [])).find((one) => one.endsWith("-tool"));
  return name === undefined ? 0 : (await readFile(join(cacheDir, "downloads", name))).length;
}

test("ensureTools() downloads, verifies and caches a release; a second call does nothing", async () => {
  server.file("/tool", payload);
  const [tool] = await ensure(lockOf(release(pinned())));
  expect(tool).toMatchObject({ name: "tool", version: "1.2.3", source: "release" });
  expect(tool?.path).toMatch(/tools\/tool\/1\.2\.3-[0-9a-f]{8}\/tool$/);
  expect((await stat(tool?.path ?? "")).mode & 0o777).toBe(0o755);
  const seen = events.length;
  expect(await ensure(lockOf(release(pinned())))).toEqual([{ ...tool, source: "cache" }]);
  expect(events.length).toBe(seen);
  expect(server.count("/tool")).toBe(1);
});

test("ensureTools() refuses a file with another digest, although a build would serve", async () => {
  await writeGoModule(goodGo);
  server.file("/tool", payload.replace("exit 0", "exit 1"));
  await expect(ensure(lockOf(release(pinned()), goBuild))).rejects.toMatchObject({ code: "DOWNLOAD_DIGEST_MISMATCH" });
  expect((await everything()).filter((path) => path.endsWith("tool"))).toEqual(["tools/tool"]);
  expect(server.count("/tool")).toBe(1);
});

test("ensureTools() enforces the publisher's checksum file", async () => {
  server.file("/tool", payload);
  const file = { url: server.url("/tool"), checksums: server.url("/SHA256SUMS") };
  server.file("/SHA256SUMS", `${"0".repeat(64)}  other\n${sha256(payload)}  tool\n`);
  expect(await ensure(lockOf(release(file)))).toMatchObject([{ source: "release" }]);
  await rm(cacheDir, { recursive: true });
  server.file("/SHA256SUMS", `${"0".repeat(64)}  tool\n`);
  await expect(ensure(lockOf(release(file)))).rejects.toMatchObject({ code: "DOWNLOAD_DIGEST_MISMATCH" });
  server.file("/SHA256SUMS", "<html>not found</html>");
  await expect(ensure(lockOf(release(file)))).rejects.toThrow("it has no SHA-256 for tool");
});

test("ensureTools() goes on where an interrupted download ended", async () => {
  server.file("/tool", payload);
  // Broken off only when something is on disk: what a client still held in its buffers is lost with the connection.
  const breakOff = async (response: ServerResponse) => {
    await expect.poll(partial, { timeout: 10_000 }).toBeGreaterThan(0);
    response.destroy();
  };
  server.once("/tool", (_request, response) => sendHalf(response, payload, () => void breakOff(response)));
  expect(await ensure(lockOf(release(pinned())))).toMatchObject([{ source: "release" }]);
  expect(server.count("/tool")).toBe(2);
  expect(server.requests[1]?.range).toMatch(/^bytes=[1-9]\d*-$/);
});

test("ensureTools() starts anew when a server ignores Range", async () => {
  server.once("/tool", (_request, response) => sendHalf(response, payload, () => response.destroy()));
  server.once("/tool", (_request, response) => response.writeHead(200).end(payload));
  expect(await ensure(lockOf(release(pinned())))).toMatchObject([{ source: "release" }]);
});

test("ensureTools() gives up on a server that never sends the rest", async () => {
  for (let index = 0; index < 6; index += 1) {
    server.once("/tool", (_request, response) => {
      response.writeHead(200, { "content-length": payload.length });
      response.write("#!", () => response.destroy());
    });
  }
  await expect(ensure(lockOf(release(pinned())))).rejects.toMatchObject({ code: "DOWNLOAD_FAILED" });
});

test("ensureTools() says that a release is not found where nothing else would serve, and asks once", async () => {
  await expect(ensure(lockOf(release(pinned())))).rejects.toMatchObject({
    code: "DOWNLOAD_FAILED",
    message: expect.stringMatching(/cannot get tool 1\.2\.3: cannot download .*\/tool: status 404$/),
  });
  expect(server.count("/tool")).toBe(1);
});

test("ensureTools() builds when the release is not found, says so once, and drops Go's caches", async () => {
  await writeGoModule(goodGo);
  const [tool] = await ensure(lockOf(release(pinned()), goBuild));
  expect(tool).toMatchObject({ source: "build", version: "1.2.3" });
  expect(server.count("/tool")).toBe(1);
  const lines = events.flatMap((event) => (event.kind === "output" ? [event.line] : []));
  expect(lines.filter((line) => line.includes("status 404; trying build instead"))).toHaveLength(1);
  expect(await readdir(cacheDir)).toEqual(["tools"]);
}, 60_000);

test("ensureTools() shows a failed build's own last lines and what to do, and keeps Go's caches", async () => {
  await writeGoModule("package main\n\nfunc main() { undefinedFunction() }\n");
  const error = await ensure(lockOf(goBuild)).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "TOOL_BUILD_FAILED", hint: expect.stringContaining("run again") });
  expect(String(error)).toMatch(/cannot get tool 1\.2\.3: cannot build .*\n {2}\| .*undefined: undefinedFunction/s);
  expect(await readdir(cacheDir)).toContain("go");
}, 60_000);

test("ensureTools() refuses a build that tells another version", async () => {
  await writeGoModule(goodGo.replace("1.2.3", "9.9.9"));
  await expect(ensure(lockOf(goBuild))).rejects.toThrow("it says version 9.9.9, not 1.2.3");
}, 60_000);

test("ensureTools() names Go when there is none", async () => {
  await writeGoModule(goodGo);
  const lock = parseToolchainLock(JSON.stringify(lockOf(goBuild)), join(folder, "lock.json"));
  const pending = ensureTools({ cacheDir, environment: { PATH: "/nonexistent" }, lock });
  await expect(pending).rejects.toMatchObject({
    code: "TOOL_MISSING",
    hint: expect.stringContaining("install Go 1.26"),
  });
});

test("ensureTools() asks an unreachable host once, not once for each tool", async () => {
  let connections = 0;
  const notTls = createServer((socket) => {
    connections += 1;
    socket.on("error", () => undefined).end("this is no TLS\n");
  });
  await new Promise<void>((resolve) => notTls.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(notTls.address() as AddressInfo).port}`;
  const pin = (name: string) => ({
    name,
    version: "1",
    sources: [release(pinned({ url: `https://${host}/${name}` }))],
  });
  const failed = await ensure({ go: "1.26", pins: [pin("a"), pin("b"), pin("c")] }).catch((reason: unknown) => reason);
  notTls.close();
  expect(failed).toMatchObject({
    code: "DOWNLOAD_FAILED",
    message: expect.stringContaining(`${host} cannot be reached`),
  });
  expect(connections).toBe(1);
});

test("ensureTools() builds tools of one Go module by one invocation, after both releases have failed", async () => {
  for (const name of ["one", "two"]) {
    const folderOfMain = join(folder, "go", "tool", "cmd", name);
    await mkdir(folderOfMain, { recursive: true });
    await writeFile(join(folderOfMain, "main.go"), goodGo);
  }
  await writeFile(join(folder, "go", "tool", "go.mod"), "module dayzero.test/tool\n\ngo 1.26\n");
  const pin = (name: string) => ({
    name,
    version: "1.2.3",
    probe,
    sources: [
      release(pinned({ url: server.url(`/${name}`) })),
      { ...goBuild, package: `dayzero.test/tool/cmd/${name}` },
    ],
  });
  const tools = await ensure({ go: "1.26", pins: [pin("one"), pin("two")] });
  expect(tools).toMatchObject([{ source: "build" }, { source: "build" }]);
  const builds = events.filter(
    (event) => event.kind !== "output" && event.kind !== "estimate" && event.how === "build",
  );
  expect(builds.map((event) => event.kind)).toEqual(["start", "start", "done", "done"]);
}, 60_000);

test("ensureTools() takes a tool from PATH at the pinned version only", async () => {
  const bin = join(folder, "bin");
  await mkdir(bin);
  server.file("/tool", payload);
  await writeFile(join(bin, "tool"), '#!/bin/sh\necho "tool v1.2.3"\n', { mode: 0o755 });
  const lock = lockOf({ kind: "path" }, release(pinned()));
  expect(await ensure(lock, { path: bin })).toEqual([
    { name: "tool", version: "1.2.3", path: join(bin, "tool"), source: "path" },
  ]);
  await writeFile(join(bin, "tool"), '#!/bin/sh\necho "tool v1.2.4"\n', { mode: 0o755 });
  expect(await ensure(lock, { path: bin })).toMatchObject([{ source: "release" }]);
});

test("ensureTools() takes files from a mirror folder, pinned or with a checksum beside them, and refuses a wrong one", async () => {
  const mirror = join(folder, "mirror");
  await mkdir(mirror);
  await writeFile(join(mirror, "tool-linux"), payload);
  const file = pinned({ mirror: "tool-linux" });
  expect(await ensure(lockOf(release(file)), { mirror })).toMatchObject([{ source: "mirror" }]);
  await rm(cacheDir, { recursive: true });
  const unpinned = { url: server.url("/tool"), checksums: server.url("/sums"), mirror: "tool-linux" };
  await writeFile(join(mirror, "tool-linux.sha256"), `${sha256(payload)}\n`);
  expect(await ensure(lockOf(release(unpinned)), { mirror })).toMatchObject([{ source: "mirror" }]);
  await rm(cacheDir, { recursive: true });
  await writeFile(join(mirror, "tool-linux"), "something else");
  await expect(ensure(lockOf(release(file)), { mirror })).rejects.toMatchObject({ code: "DOWNLOAD_DIGEST_MISMATCH" });
  expect(server.requests).toEqual([]);
});

test("ensureTools() takes files from a mirror URL, and from the release what the mirror lacks", async () => {
  server.file("/mirror/tool", payload);
  expect(await ensure(lockOf(release(pinned())), { mirror: server.url("/mirror") })).toMatchObject([
    { source: "mirror" },
  ]);
  await rm(cacheDir, { recursive: true });
  server.file("/tool", payload);
  expect(await ensure(lockOf(release(pinned())), { mirror: server.url("/empty") })).toMatchObject([
    { source: "release" },
  ]);
  expect(server.requests.map((request) => request.path)).toEqual(["/mirror/tool", "/empty/tool", "/tool"]);
});

test("ensureTools() takes no digest from a mirror that anybody on the way can change", async () => {
  const unpinned = { url: "https://127.0.0.1:1/tool", checksums: "https://127.0.0.1:1/sums" };
  await expect(ensure(lockOf(release(unpinned)), { mirror: "http://mirror.invalid/" })).rejects.toThrow(
    /plain HTTP would bring the file and its digest alike/,
  );
});

test("ensureTools() makes a set of files into one folder", async () => {
  server.file("/a.yaml", "a: 1\n");
  server.file("/b.yaml", "b: 2\n");
  const file = (name: string, content: string) => ({ url: server.url(name), sha256: sha256(content) });
  const files = { "a.yaml": file("/a.yaml", "a: 1\n"), "b.yaml": file("/b.yaml", "b: 2\n") };
  const pin = { name: "crds", version: "1", sources: [{ kind: "release-set", files, seconds: 1 }] };
  const [tool] = await ensure({ go: "1.26", pins: [pin] });
  expect((await readdir(tool?.path ?? "")).sort()).toEqual(["a.yaml", "b.yaml"]);
});

function inChild(lockFile: string) {
  const process_ = spawn(process.execPath, [child, lockFile, cacheDir], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(process_);
  const said: (ToolProgress | { kind: "tools"; tools: { path: string; source: string }[] })[] = [];
  let rest = "";
  process_.stdout.on("data", (chunk) => {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    said.push(...lines.map((line) => JSON.parse(line)));
  });
  return { process: process_, said, ended: once(process_, "close") };
}

test("ensureTools() in two processes at once: one works, the other waits and finds the result", async () => {
  const lockFile = join(folder, "lock.json");
  await writeFile(lockFile, JSON.stringify(lockOf(release(pinned()))));
  let finish: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    server.once("/tool", (_request, response) => {
      finish = () => response.writeHead(200).end(payload);
      resolve();
    });
  });
  const first = inChild(lockFile);
  await asked;
  const second = inChild(lockFile);
  await expect.poll(() => second.said.map((event) => event.kind), { timeout: 10_000 }).toEqual(["wait"]);
  finish();
  await Promise.all([first.ended, second.ended]);
  expect(first.said.at(-1)).toMatchObject({ kind: "tools", tools: [{ source: "release" }] });
  expect(second.said.at(-1)).toMatchObject({ kind: "tools", tools: [{ source: "cache" }] });
  expect(server.count("/tool")).toBe(1);
}, 30_000);

test("ensureTools() after SIGKILL keeps what was finished, resumes the rest and sweeps", async () => {
  const small = '#!/bin/sh\necho "tool v1.2.3"\n';
  server.file("/small", small);
  server.file("/tool", payload);
  server.once("/tool", (_request, response) => sendHalf(response, payload, () => undefined));
  const smallPin = {
    name: "small",
    version: "1.2.3",
    probe,
    sources: [release({ url: server.url("/small"), sha256: sha256(small) })],
  };
  const lock = { go: "1.26", pins: [...lockOf(release(pinned())).pins, smallPin] };
  const lockFile = join(folder, "lock.json");
  await writeFile(lockFile, JSON.stringify(lock));
  const killed = inChild(lockFile);
  await expect.poll(partial, { timeout: 10_000 }).toBeGreaterThan(0);
  await expect.poll(() => killed.said.some((event) => event.kind === "done" && event.tool === "small")).toBe(true);
  killed.process.kill("SIGKILL");
  await killed.ended;
  const had = await partial();
  expect((await everything()).some((path) => /\/\.1\.2\.3-/.test(path))).toBe(true);
  expect(await ensure(lock)).toMatchObject([{ source: "release" }, { source: "cache" }]);
  expect(server.requests.filter((request) => request.path === "/tool").at(-1)?.range).toBe(`bytes=${had}-`);
  expect(server.count("/small")).toBe(1);
  expect((await everything()).filter((path) => /(^|\/)\./.test(path))).toEqual([]);
  expect(await readdir(cacheDir)).toEqual(["tools"]);
}, 30_000);

test("ensureTools() stops when aborted and lets the lock go", async () => {
  const abort = new AbortController();
  server.once("/tool", () => abort.abort(new Error("enough")));
  const lock = parseToolchainLock(JSON.stringify(lockOf(release(pinned()))), join(folder, "lock.json"));
  await expect(ensureTools({ cacheDir, environment: {}, lock, signal: abort.signal })).rejects.toThrow();
  expect(await readdir(cacheDir)).not.toContain("tools.lock");
});

test("ensureTools() stops when aborted while several tools wait for one host that is silent", async () => {
  const abort = new AbortController();
  server.once("/a", () => abort.abort(new Error("enough")));
  const pin = (name: string) => ({
    name,
    version: "1",
    sources: [release(pinned({ url: server.url(`/${name}`) }))],
  });
  const lock = parseToolchainLock(JSON.stringify({ go: "1.26", pins: [pin("a"), pin("b"), pin("c")] }), "lock.json");
  await expect(ensureTools({ cacheDir, environment: {}, lock, signal: abort.signal })).rejects.toThrow("enough");
  expect(await readdir(cacheDir)).not.toContain("tools.lock");
});
