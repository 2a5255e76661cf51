import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { afterEach, expect, test } from "vitest";
import { finish, Stack } from "../support/Stack.ts";
import { waitFor } from "../support/waitFor.ts";

interface Failure {
  ok: boolean;
  error: { code: string; hint: string };
}

let stack: Stack | undefined;
afterEach(async () => {
  await stack?.dispose();
  stack = undefined;
});

/** The narrator's plain lines begin a phase with dots, and end it with a tick: `vault ...`, `✓ vault (2.1 s)`. */
const BOUNDARY = /^(\s*✓\s+\S+|\S+ \.\.\.$)/;

/** Sends Ctrl-C at the given boundary of a phase; resolves to that line, or undefined if it ended first. */
async function interruptAt(child: ChildProcess, boundary: number): Promise<string | undefined> {
  if (child.stderr === null) throw new Error("standard error is not piped");
  let passed = 0;
  for await (const line of createInterface({ input: child.stderr })) {
    if (!BOUNDARY.test(line) || ++passed < boundary) continue;
    child.kill("SIGINT");
    return line;
  }
  return undefined;
}

test("up, interrupted at one phase boundary after the other, exits 130, goes on where it ended, and comes up in the end", async () => {
  stack = await Stack.create();
  const lines: string[] = [];
  for (let boundary = 1; ; boundary++) {
    const up = stack.spawn("up", "--json");
    const ended = finish(up);
    const line = await interruptAt(up, boundary);
    const { code, stdout } = await ended;
    // The first one that has no such boundary any more has come up.
    if (line === undefined || code === 0) {
      expect(code, stdout).toBe(0);
      break;
    }
    lines.push(line.trim());
    expect(code, `after ${line}: ${stdout}`).toBe(130);
    expect(JSON.parse(stdout) as Failure).toMatchObject({
      ok: false,
      error: { code: "INTERRUPTED", hint: expect.stringContaining("run the same command again") },
    });
  }
  console.info(`interrupted after: ${lines.join(", ")}`);
  expect(lines.length).toBeGreaterThanOrEqual(4);
  const is = stack;
  await waitFor("a healthy stack", async () => (await is.json<{ healthy: boolean }>("status")).healthy, 60);
  expect((await stack.json<{ changes: unknown[] }>("plan")).changes).toEqual([]);
}, 300_000);

test.each([1, 5, 9])(
  "down after an up that was interrupted at boundary %i leaves nothing running and nothing behind",
  async (boundary) => {
    stack = await Stack.create();
    const up = stack.spawn("up", "--json");
    const ended = finish(up);
    expect(await interruptAt(up, boundary)).toBeDefined();
    expect((await ended).code).toBe(130);
    const down = await stack.json<{ kept: string[] }>("down", "--yes");
    expect(down.kept).toEqual([]);
    expect(await stack.processes()).toEqual([]);
  },
  120_000,
);
