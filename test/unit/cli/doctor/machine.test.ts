import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkDisk } from "../../../../src/cli/doctor/checkDisk.ts";
import { checkFolder } from "../../../../src/cli/doctor/checkFolder.ts";
import { checkGit } from "../../../../src/cli/doctor/checkGit.ts";
import { checkMemory } from "../../../../src/cli/doctor/checkMemory.ts";
import { checkNode } from "../../../../src/cli/doctor/checkNode.ts";
import { checkPorts } from "../../../../src/cli/doctor/checkPorts.ts";
import { checkRecipients } from "../../../../src/cli/doctor/checkRecipients.ts";
import { examine } from "../../../../src/cli/doctor/examine.ts";
import { not, ok } from "../../../../src/cli/doctor/Finding.ts";
import { generateIdentity, recipientOf } from "../../../../src/credentials/sealing.ts";
import { freePorts } from "../../../../src/machine/freePorts.ts";
import { bootId } from "../../../../src/machine/processIdentity.ts";
import { StackLayout } from "../../../../src/machine/StackLayout.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dz-doctor-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test.each([
  ["v22.18.0", "problem"],
  ["v20.20.2", "problem"],
  ["v22.19.0", "ok"],
  ["v24.0.0", "ok"],
])("checkNode() finds that %s is a %s", (version, result) => {
  expect(checkNode(version)).toMatchObject({ result, seen: expect.stringContaining(version) });
});

describe("checkGit()", () => {
  const gitThatSays = async (version: string, execPath: string) => {
    const script = `#!/bin/sh\ncase $1 in --version) echo git version ${version};; --exec-path) echo ${execPath};; esac\n`;
    await writeFile(join(folder, "git"), script);
    await chmod(join(folder, "git"), 0o755);
    return { environment: { PATH: folder } };
  };

  test("finds the git of this machine good", async () => {
    const { PATH = "" } = process.env;
    expect(await checkGit({ environment: { PATH } }, { serves: true })).toMatchObject({ result: "ok" });
  });

  test("finds one that is too old, and one that cannot serve over HTTP", async () => {
    const old = await gitThatSays("2.31.8", folder);
    expect(await checkGit(old, { serves: false })).toMatchObject({
      result: "problem",
      action: expect.stringContaining("2.32"),
    });
    const bare = await gitThatSays("2.47.1", folder);
    expect(await checkGit(bare, { serves: true })).toMatchObject({
      result: "problem",
      seen: expect.stringContaining("no git-http-backend"),
    });
    expect(await checkGit(bare, { serves: false })).toMatchObject({ result: "ok" });
  });

  test("says when there is none", async () => {
    expect(await examine("git", () => checkGit({ environment: { PATH: folder } }, { serves: false }))).toEqual({
      id: "git",
      result: "problem",
      seen: "cannot find git on PATH",
      action: "install git and run it again",
    });
  });
});

describe("checkPorts()", () => {
  test("finds what listens on a remembered port, and which", async () => {
    const layout = new StackLayout(folder);
    const [vault = 0, git = 0] = await freePorts(2, new Set());
    await writeFile(layout.ports, JSON.stringify({ vault, git }));
    expect(await checkPorts(layout)).toEqual(ok("2 remembered: 0 in use by the stack, 2 free"));
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(vault, "127.0.0.1", resolve));
    try {
      expect(await checkPorts(layout)).toMatchObject({
        result: "problem",
        seen: `another program listens on ${vault} (vault) of 127.0.0.1`,
        action: expect.stringContaining("ss -ltnp"),
      });
    } finally {
      await new Promise((resolve) => stranger.close(resolve));
    }
    expect(await checkPorts(layout)).toMatchObject({ result: "ok" });
  });

  test("takes no process of the stack for a stranger", async () => {
    const layout = new StackLayout(folder);
    const [port = 0] = await freePorts(1, new Set());
    await writeFile(layout.ports, JSON.stringify({ git: port }));
    const listen = `require("node:net").createServer().listen(${port}, "127.0.0.1", () => console.log("listening"))`;
    const server = spawn(process.execPath, ["-e", listen], { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
    try {
      await once(server.stdout, "data");
      expect(await checkPorts(layout)).toMatchObject({ result: "problem" });
      await mkdir(dirname(layout.pidFile("git-server")));
      const started = await readFile(`/proc/${server.pid}/stat`, "utf8");
      await writeFile(layout.pidFile("git-server"), [server.pid, "digest", await bootId(), started].join("\n"));
      expect(await checkPorts(layout)).toEqual(ok("1 remembered: 1 in use by the stack, 0 free"));
    } finally {
      server.kill("SIGKILL");
    }
  });

  test("of a new stack finds free ones", async () => {
    expect(await checkPorts(new StackLayout(folder))).toMatchObject({
      result: "ok",
      seen: expect.stringContaining("none chosen yet"),
    });
  });
});

describe("checkDisk()", () => {
  const GIB = 1024 ** 3;
  const needs = () => ({ state: join(folder, "state"), cache: "/cache", mayBuild: true });

  test.each([
    [0.5, 20, "problem"],
    [20, 0.5, "problem"],
    [20, 8, "warning"],
    [2, 13, "ok"],
  ])("with %f GiB for the stack and %f GiB for the cache finds a %s", async (state, cache, result) => {
    const free = async (place: string) => (place === "/" ? cache : state) * GIB;
    expect(await checkDisk(needs(), free)).toMatchObject({ result });
  });

  test("wants no room for building where nothing is to be built", async () => {
    expect(await checkDisk({ ...needs(), mayBuild: false }, async () => 2 * GIB)).toMatchObject({ result: "ok" });
  });

  test("asks the file system of the nearest folder that is there", async () => {
    const finding = await checkDisk({ state: join(folder, "a/b"), cache: folder, mayBuild: false });
    expect(finding.seen).toMatch(/iB free for .*a\/b, .*iB free for/);
  });
});

test("checkMemory() warns when the servers of a stack would not fit", () => {
  const gib = 1024 ** 3;
  expect(checkMemory(1.5 * gib, "local")).toMatchObject({ result: "warning", seen: "1.5 GiB available" });
  expect(checkMemory(1.5 * gib, "existing")).toMatchObject({ result: "ok" });
  expect(checkMemory(4 * gib, "local")).toMatchObject({ result: "ok" });
});

describe("checkFolder()", () => {
  test.each([
    [0x01021994, "warning", /tmpfs/],
    [0x4d44, "problem", /vfat: it has no links/],
    [0x6969, "warning", /NFS/],
    [0xff534d42, "problem", /SMB/],
  ])("of a file system of type %i finds a %s", async (type, result, seen) => {
    expect(await checkFolder(folder, "--state", async () => type)).toMatchObject({
      result,
      seen: expect.stringMatching(seen),
      action: expect.stringContaining("--state"),
    });
  });

  test("finds a file in its place, or above it", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    for (const place of [file, join(file, "below")]) {
      const finding = await checkFolder(place, "XDG_CACHE_HOME");
      expect(finding).toMatchObject({ result: "problem", action: "name another with XDG_CACHE_HOME" });
    }
  });

  test("says the mode of one that is there, and that another can be made", async () => {
    const ext4 = async () => 0xef53;
    await mkdir(join(folder, "open"), { mode: 0o755 });
    expect(await checkFolder(join(folder, "open"), "--state", ext4)).toEqual(
      ok(`${join(folder, "open")} can be written to, mode 0755`),
    );
    expect(await checkFolder(join(folder, "new"), "--state", ext4)).toEqual(ok(`${join(folder, "new")} can be made`));
  });
});

describe("checkRecipients()", () => {
  test("finds a recipient with a wrong checksum", async () => {
    const recipient = await recipientOf(await generateIdentity());
    expect(await checkRecipients([recipient])).toEqual(ok("1 valid"));
    const last = recipient.endsWith("q") ? "p" : "q";
    const found = await examine("recipients", () => checkRecipients([recipient, `${recipient.slice(0, -1)}${last}`]));
    expect(found).toMatchObject({
      result: "problem",
      seen: expect.stringContaining("recipients[1]"),
      action: expect.stringContaining("age-keygen"),
    });
  });
});

describe("examine()", () => {
  test("shows no credential of a URL that a person named", async () => {
    const mirror = "https://me:canary-in-a-url@mirror.example/etcd";
    const said = [
      await examine("a", () => not("problem", mirror, mirror)),
      await examine("b", () => Promise.reject(new Error(mirror))),
    ];
    expect(JSON.stringify(said)).toContain("mirror.example/etcd");
    expect(JSON.stringify(said)).not.toContain("canary");
  });

  test("gives up on a check that takes too long", async () => {
    expect(await examine("slow", () => new Promise(() => undefined), 20)).toMatchObject({
      result: "unknown",
      seen: "no answer in 0.02 s",
    });
  });
});
