import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { askHeaders } from "../../../../src/cli/doctor/askHeaders.ts";
import { checkClock } from "../../../../src/cli/doctor/checkClock.ts";
import { checkGitServer } from "../../../../src/cli/doctor/checkGitServer.ts";
import { checkToolSources } from "../../../../src/cli/doctor/checkToolSources.ts";
import { checkTools } from "../../../../src/cli/doctor/checkTools.ts";
import { planToolchain } from "../../../../src/toolchain/planToolchain.ts";
import { parseToolchainLock } from "../../../../src/toolchain/ToolchainLock.ts";

/** Answers as the test says, and remembers what was asked. */
const asked: string[] = [];
let answer: { status: number; date?: Date | undefined };
const server = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`);
  response.sendDate = answer.date === undefined;
  if (answer.date !== undefined) response.setHeader("date", answer.date.toUTCString());
  response.writeHead(answer.status).end();
});
let url: string;
let folder: string;

beforeEach(async () => {
  answer = { status: 200 };
  asked.length = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = await mkdtemp(join(tmpdir(), "dz-doctor-"));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

describe("checkClock()", () => {
  const served = { where: "the server", tell: async () => (await askHeaders(url)).date };
  const silent = { where: "nobody", tell: () => Promise.reject(new Error("no answer")) };
  const at = (seconds: number) => {
    answer = { status: 200, date: new Date(Date.now() + seconds * 1000) };
  };

  test("agrees with a server whose clock is right", async () => {
    at(0);
    expect(await checkClock([served, silent], 3_000)).toMatchObject({
      result: "ok",
      seen: expect.stringMatching(/^the server (agrees|is 1 s)/),
    });
  });

  test.each([
    [12, "warning", /is 1[123] s ahead/],
    [-12, "warning", /is 1[123] s behind/],
    [600, "problem", /is (599|600|601) s ahead/],
  ])("with a server %i s off finds a %s", async (seconds, result, seen) => {
    at(seconds);
    expect(await checkClock([served], 3_000)).toMatchObject({
      result,
      seen: expect.stringMatching(seen),
      action: expect.stringContaining("NTP"),
    });
    expect(asked).toEqual(["HEAD /"]);
  });

  test("finds two servers that are apart from each other, and each close to this machine", async () => {
    const apart = (where: string, seconds: number) => ({
      where,
      tell: async () => new Date(Date.now() + seconds * 1000),
    });
    expect(await checkClock([apart("one", 3), apart("other", -3)], 3_000)).toMatchObject({ result: "warning" });
  });

  test("cannot tell where nobody tells the time", async () => {
    expect(await checkClock([silent], 3_000)).toMatchObject({ result: "unknown" });
    expect(await checkClock([], 3_000)).toMatchObject({ result: "unknown" });
  });
});

describe("checkGitServer()", () => {
  test.each([
    [401, "ok"],
    [404, "ok"],
    [200, "ok"],
    [410, "warning"],
    [503, "problem"],
  ])("of an answer %i finds a %s, and sends no credential", async (status, result) => {
    answer = { status };
    expect(await checkGitServer({ source: `${url}/fleet.git` }, {})).toMatchObject({
      result,
      seen: expect.stringContaining("fleet.git"),
    });
    expect(asked).toEqual(["GET /fleet.git/info/refs?service=git-upload-pack"]);
  });

  test("says why nobody answers", async () => {
    const nobody = { source: "http://127.0.0.1:9/fleet.git" };
    expect(await checkGitServer(nobody, {})).toMatchObject({
      result: "problem",
      seen: expect.stringContaining("ECONNREFUSED"),
    });
  });
});

describe("checkTools() and checkToolSources()", () => {
  const HEX = "0".repeat(64);
  const lock = (base: string) =>
    parseToolchainLock(
      JSON.stringify({
        go: "1.26",
        pins: [
          {
            name: "etcd",
            version: "3.6.5",
            sources: [
              { kind: "path" },
              { kind: "release", files: { "linux-x64": { url: `${base}/etcd.tar.gz`, sha256: HEX } }, seconds: 10 },
              { kind: "go-build", module: "etcd", package: "etcd", ldflags: "-s", seconds: 60 },
            ],
          },
        ],
      }),
      "lock.json",
    );
  const facts = { platform: "linux-x64", cached: new Set<string>(), onPath: new Map() } as const;
  const plan = (base: string, mirror = false) => planToolchain({ ...facts, lock: lock(base), mirror });
  const sources = (base: string, more: { mirror?: string; path?: string } = {}) => {
    const { mirror, path = folder } = more;
    const options = {
      lock: lock(base),
      environment: { PATH: path, HOME: folder },
      ...(mirror === undefined ? {} : { mirror }),
    };
    return checkToolSources(plan(base, mirror !== undefined), options, "linux-x64");
  };
  const NOBODY = "http://127.0.0.1:9";

  test("say what is missing, how it would come, and that it can", async () => {
    expect(checkTools(plan(url))).toMatchObject({
      result: "warning",
      seen: "1 of 1 to be got: etcd 3.6.5 (release, else build)",
      action: expect.stringContaining("dayzero tools"),
    });
    expect(await sources(url)).toEqual({ result: "ok", seen: `etcd: ${url}`, action: null });
    expect(asked).toEqual(["HEAD /etcd.tar.gz"]);
  });

  test("say what is there", async () => {
    const onPath = new Map([["etcd", { path: "/bin/etcd", version: "3.6.5" }]]);
    const there = planToolchain({ ...facts, lock: lock(url), mirror: false, onPath });
    expect(checkTools(there)).toMatchObject({ result: "ok", seen: "etcd 3.6.5" });
    expect(await checkToolSources(there, { lock: lock(url), environment: {} }, "linux-x64")).toMatchObject({
      result: "ok",
    });
    expect(asked).toEqual([]);
  });

  test("find that neither publisher nor Go is there", async () => {
    const finding = await sources(NOBODY);
    expect(finding).toMatchObject({ result: "problem", action: expect.stringContaining("--mirror") });
    expect(finding.seen).toBe(`etcd: ${NOBODY} does not answer (ECONNREFUSED), no Go`);
  });

  test("find a mirror that lacks the file, and one that cannot be reached", async () => {
    answer = { status: 404 };
    expect((await sources(NOBODY, { mirror: url })).seen).toContain(`${url} answers 404 for ${url}/etcd.tar.gz`);
    expect((await sources(NOBODY, { mirror: "http://127.0.0.1:10" })).seen).toContain(
      "http://127.0.0.1:10 does not answer",
    );
    expect(await sources(NOBODY, { mirror: folder })).toMatchObject({ result: "problem" });
    await writeFile(join(folder, "etcd.tar.gz"), "");
    expect(await sources(NOBODY, { mirror: folder })).toMatchObject({
      result: "ok",
      seen: `etcd: the mirror ${folder}`,
    });
  });

  test("ask Go for its version and its module proxy", async () => {
    const go = async (version: string, proxy: string) => {
      await mkdir(join(folder, "bin"), { recursive: true });
      await writeFile(join(folder, "bin", "go"), `#!/bin/sh\nprintf '%s\\n' ${version} '${proxy}'\n`);
      await chmod(join(folder, "bin", "go"), 0o755);
      return sources(NOBODY, { path: join(folder, "bin") });
    };
    expect(await go("go1.26.8", `${url},direct`)).toMatchObject({ result: "ok", seen: "etcd: a build with go1.26.8" });
    expect((await go("go1.25.1", url)).seen).toContain("Go is go1.25.1, not 1.26");
    expect((await go("go1.27.0", NOBODY)).seen).toContain("no answer from its module proxy (ECONNREFUSED)");
  });
});
