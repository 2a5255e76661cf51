import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ENTRY = fileURLToPath(new URL("../../../src/cli/dayzero.js", import.meta.url));

function milliseconds(words: readonly string[]): number {
  const started = performance.now();
  expect(spawnSync(process.execPath, words).status).toBe(0);
  return performance.now() - started;
}

test("dayzero --help takes at most 6 times as long as a bare node", () => {
  // Interleaved, so that a busy machine slows both; the first pair fills the compile cache.
  const ratios = Array.from({ length: 10 }, () => milliseconds([ENTRY, "--help"]) / milliseconds(["-e", "0"])).slice(1);
  const median = ratios.sort((a, b) => a - b)[4] ?? Number.NaN;
  console.info(`--help: ${median.toFixed(1)} x bare node`);
  expect(median).toBeLessThanOrEqual(6);
});
