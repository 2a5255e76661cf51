import type { ChildProcess } from "node:child_process";
import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import type { Call } from "../support/Shim.ts";
import { finish, Stack } from "../support/Stack.ts";
import { waitFor } from "../support/waitFor.ts";
import { ExistingPlatform, REPOSITORY_SECRET } from "./ExistingPlatform.ts";

const WRITE = /^POST .*\/namespaces\/argocd\/secrets/;

let platform: ExistingPlatform;
/** The same stack, from another person's state folder. */
let other: Stack;
let whole: string[];

beforeAll(async () => {
  platform = await ExistingPlatform.create(inject("tools"), "twice");
  other = await Stack.create("twice");
  await platform.configure(other);
  const [up] = await Promise.all([platform.run("up"), platform.runArgoCd()]);
  expect(up.code, up.stderr).toBe(0);
  whole = await platform.inventory();
}, 400_000);

afterAll(async () => {
  await other?.dispose();
  await platform?.dispose();
});

afterEach(async () => {
  for (const shim of platform.shims) shim.reset();
  const up = await platform.run("up");
  expect(up.code, up.stderr).toBe(0);
  expect(await platform.inventory()).toEqual(whole);
  expect(await platform.changes()).toEqual([]);
  expect(await platform.leaks()).toEqual([]);
});

/** Holds back the answer to the first call that matches until `release`; `held` tells that the server has done it. */
function hold(at: "cluster" | "vault", match: RegExp): { held: () => boolean; release: () => void } {
  let held = false;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let used = false;
  const until = () => {
    held = true;
    return released;
  };
  platform[at].plan = ({ method, path }) => {
    if (used || !match.test(`${method} ${path}`)) return undefined;
    used = true;
    return { kind: "hold", until };
  };
  return { held: () => held, release };
}

/** What a command has told so far. */
function listen(child: ChildProcess): () => string {
  let said = "";
  child.stderr?.on("data", (chunk: string) => {
    said += chunk;
  });
  return () => said;
}

test.each<[string, () => Stack, RegExp]>([
  ["from one state folder", () => platform.stack, /waiting for process \d+, which works on stack twice/],
  ["from two state folders", () => other, /waiting for process \d+ on \S+, which holds the stack's lease/],
])("two up at once %s: the second waits, says for whom, and finds nothing to do", async (_, second, says) => {
  await platform.client.delete(REPOSITORY_SECRET);
  const { held, release } = hold("cluster", WRITE);
  const first = finish(platform.stack.spawn("up"));
  await waitFor("the first to be in the middle of its writes", held, 60);
  const child = second().spawn("up", "--json");
  const told = listen(child);
  const late = finish(child);
  await waitFor("the second to wait", () => says.test(told()), 60);
  release();
  expect((await first).code, (await first).stderr).toBe(0);
  expect((await late).code, (await late).stderr).toBe(0);
  expect((await platform.client.get(REPOSITORY_SECRET))?.metadata.annotations?.["dayzero.dev/epoch"]).toBe("1");
});

test("up that was stopped past its Lease, and goes on when another one has taken over, writes nothing any more", async () => {
  await platform.client.delete(REPOSITORY_SECRET);
  // It has logged in to Vault for a credential, and would go on to mint, prove and write it.
  const { held, release } = hold("vault", LOGIN_AS_READER);
  const child = platform.stack.spawn("up", "--json");
  const stopped = finish(child);
  await waitFor("the login", held, 60);
  child.kill("SIGSTOP");
  release();

  const taken = await finish(other.spawn("up"));
  expect(taken.code, taken.stderr).toBe(0);
  expect(taken.stderr).toContain("which holds the stack's lease");
  const credential = await platform.client.get(REPOSITORY_SECRET);

  for (const shim of platform.shims) shim.reset();
  child.kill("SIGCONT");
  const { code, stdout } = await stopped;
  const writes = platform.shims.flatMap(({ calls }) => calls).filter(isWrite);
  expect(writes.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: "LEASE_LOST", hint: expect.stringContaining("again") } });
  expect((await platform.client.get(REPOSITORY_SECRET))?.metadata.resourceVersion).toBe(
    credential?.metadata.resourceVersion,
  );
});

const LOGIN_AS_READER = /^POST \/v1\/auth\/dayzero\/.*\/login$/;

/** The renewal of the Lease, which shows that it is lost, and the end of the run's own session write nothing of the stack. */
function isWrite({ method, path }: Call): boolean {
  return method !== "GET" && !/\/leases\/|dryRun=All|revoke-self$/.test(path);
}
