import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const WORKFLOWS = new URL("../../../.github/workflows/", import.meta.url);

test("workflows name each action by its commit, and the release that it is", () => {
  const uses = readdirSync(WORKFLOWS).flatMap((file) =>
    [...readFileSync(new URL(file, WORKFLOWS), "utf8").matchAll(/^\s*(?:- )?uses: (.*)$/gm)].map(([, value]) => value),
  );
  expect(uses).not.toEqual([]);
  for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});
