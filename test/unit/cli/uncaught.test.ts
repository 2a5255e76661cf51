import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exists } from "../../../src/machine/exists.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { waitFor } from "../../support/waitFor.ts";

const ENTRY = fileURLToPath(new URL("../../../src/cli/dayzero.js", import.meta.url));

/** A defect that nobody foresaw, at a signal: a client's error, with the request in it. */
const DEFECT = `
const error = Object.assign(new Error("cannot send to https://me:canary-in-a-url@vault.example"), {
  request: { headers: { "x-vault-token": "canary-in-a-header" } },
  cause: Object.assign(new Error("socket closed"), { body: "canary-in-a-body" }),
});
process.on("SIGUSR2", () => {
  if (process.env.DEFECT === "exception") throw error;
  Promise.reject(error);
});`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dz-uncaught-"));
  const layout = new StackLayout(folder);
  await mkdir(join(folder, "etc"));
  await mkdir(join(folder, "run"), { mode: 0o700 });
  await mkdir(join(folder, "pki/kubernetes"), { recursive: true });
  await writeFile(layout.etc("identity-broker.json"), '{"server": "https://127.0.0.1:1", "allow": []}');
  await writeFile(layout.pki("kubernetes", "ca.crt"), "");
  await writeFile(join(folder, "defect.mjs"), DEFECT);
});
let child: ChildProcess | undefined;
afterEach(async () => {
  child?.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

test.each([
  ["exception", []],
  ["exception", ["--debug"]],
  ["exception", ["--json"]],
  ["rejection", []],
  ["rejection", ["--debug", "--json"]],
] as const)(
  "an uncaught %s in a daemon with %j ends in one clear error, and no credential is in it",
  async (kind, flags) => {
    const daemon = spawn(
      process.execPath,
      ["--import", join(folder, "defect.mjs"), ENTRY, "serve", "identity-broker", "--directory", folder, ...flags],
      { env: { PATH: process.env.PATH, HOME: folder, DEFECT: kind }, stdio: ["ignore", "pipe", "pipe"] },
    );
    child = daemon;
    let [stdout, stderr] = ["", ""];
    daemon.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    daemon.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    const ended = new Promise((resolve) => daemon.on("close", resolve));
    await waitFor("the daemon to serve", () => exists(new StackLayout(folder).identitySocket));
    daemon.kill("SIGUSR2");
    expect(await ended).toBe(1);
    const [first, hint, ...rest] = stderr.trimEnd().split("\n");
    expect(first).toBe("error: cannot send to https://[secret]@vault.example [INTERNAL]");
    expect([hint, ...rest].join("\n")).toMatch(/^ {2}because socket closed\nhint: this is a defect/);
    if (flags.includes("--debug" as never)) expect(stderr).toMatch(/^ {4}at /m);
    else expect(stderr).not.toMatch(/^ {4}at /m);
    if (flags.includes("--json" as never))
      expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: { code: "INTERNAL" } });
    else expect(stdout).toBe("");
    expect(stdout + stderr).not.toContain("canary");
  },
);

test("dayzero says in one line that its own code cannot be loaded", async () => {
  // Its entry alone: what it loads is not there.
  await writeFile(join(folder, "dayzero.mjs"), await readFile(ENTRY, "utf8"));
  const started = spawn(process.execPath, [join(folder, "dayzero.mjs")], {
    env: { HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  started.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  expect(await new Promise((resolve) => started.on("close", resolve))).toBe(1);
  expect(stderr).toMatch(
    /^error: cannot load Dayzero's own code: Cannot find module .* \[INSTALLATION_BROKEN\]\nhint: .*npm ci.*\n$/,
  );
});
