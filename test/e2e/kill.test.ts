import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Stack } from "../support/Stack.ts";

interface Status {
  healthy: boolean;
  revision: string;
  processes: { name: string; pid: number | null; healthy: boolean }[];
}

let stack: Stack | undefined;

afterEach(async () => {
  await stack?.dispose();
  stack = undefined;
});

/** `up` once more on whatever the kill left: it converges by itself and leaves one of everything. */
async function converges(of: Stack): Promise<void> {
  const up = await of.run("up", "--json");
  expect(up.code, up.stdout + up.stderr).toBe(0);
  const status = await of.json<Status>("status");
  expect(status.healthy).toBe(true);
  const expected = new Map(status.processes.map(({ name, pid }) => [pid, name]));
  const seen = (await of.processes()).filter(({ pid }) => !expected.has(pid));
  // What is left beside the recorded servers may only be children of theirs, never a second server.
  const duplicates = seen.filter(
    ({ arguments: words }) =>
      /\b(etcd|kube-|bao server|redis-server|serve |argocd-(app|repo))/.test(words) && !/credential/.test(words),
  );
  expect(duplicates).toEqual([]);
  expect(new Set(status.processes.map(({ name }) => name)).size).toBe(status.processes.length);
  for (const folder of ["git", "vault"]) {
    const left = (await readdir(join(of.directory, folder))).filter((name) => /tmp|partial|initializing/.test(name));
    expect(left, `left behind in ${folder}`).toEqual([]);
  }
  expect((await of.json<{ changes: unknown[] }>("plan")).changes).toEqual([]);
}

/** The narrator's plain lines end a phase with a tick: `✓ vault (2.1 s)`; there are six. */
const BOUNDARY = /^\s*✓\s+(\S+)/;

test.each([1, 2, 3, 4, 5, 6])("up killed at phase boundary %i, then up again: converges", async (boundary) => {
  stack = await Stack.create();
  let passed = 0;
  const line = await stack.killWhen(stack.spawn("up"), (text) => BOUNDARY.test(text) && ++passed === boundary);
  expect(line, "a phase boundary was seen").toBeDefined();
  console.info(`killed after ${line?.trim()}`);
  await converges(stack);
});

test.each([1, 2, 3, 4, 5])("up killed at random moment %i, then up again: converges", async () => {
  stack = await Stack.create();
  const child = stack.spawn("up");
  const started = performance.now();
  const moment = Math.random() * 9000;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const timer = setTimeout(() => child.kill("SIGKILL"), moment);
  await exited;
  clearTimeout(timer);
  console.info(
    `killed after ${Math.round(performance.now() - started)} ms (${child.signalCode ?? `it had ended with ${child.exitCode}`})`,
  );
  await converges(stack);
});
