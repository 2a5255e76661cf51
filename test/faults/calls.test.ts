import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { ExistingPlatform } from "./ExistingPlatform.ts";

let platform: ExistingPlatform;

beforeAll(async () => {
  platform = await ExistingPlatform.create(inject("tools"), "cut");
});

afterAll(() => platform?.dispose());

test("skeleton", async () => {
  const [up] = await Promise.all([platform.run("up"), platform.runArgoCd()]);
  expect(up.code, up.stderr).toBe(0);
  for (const shim of platform.shims)
    console.log(
      shim.calls
        .filter((c) => c.method !== "GET" || !/api/.test(c.path))
        .map((c) => `${c.method} ${c.path} ${c.status}`)
        .join("\n"),
    );
  console.log(up.milliseconds, (await platform.inventory()).length);
  console.log((await platform.changes()).length);
  const again = await platform.run("up");
  console.log(again.milliseconds);
  expect(await platform.leaks()).toEqual([]);
}, 300_000);
