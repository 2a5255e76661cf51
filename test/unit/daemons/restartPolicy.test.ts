import { describe, expect, test } from "vitest";
import { keepsEnding, mayRestart } from "../../../src/daemons/upkeep/restartPolicy.ts";

const now = new Date("2026-01-01T00:00:00Z");
const ago = (...seconds: number[]) => seconds.map((one) => new Date(now.getTime() - one * 1000));

describe("mayRestart()", () => {
  test.each<[string, Date[], boolean]>([
    ["at once, the first time", [], true],
    ["not within two seconds of the first restart", ago(1.9), false],
    ["two seconds after the first restart", ago(2), true],
    ["not within four seconds of the second", ago(100, 3), false],
    ["four seconds after the second", ago(100, 4), true],
    [
      "a minute after the last of many, which leaves time before a credential ends",
      ago(300, 250, 200, 150, 120, 90, 60),
      true,
    ],
    ["not within a minute of the last of many", ago(300, 250, 200, 150, 120, 90, 59), false],
    ["at once, when the last ones are more than ten minutes ago", ago(700, 601), true],
    ["at once, when the clock was set back since", ago(-3_600), true],
  ])("%s", (_what, restarts, may) => {
    expect(mayRestart(restarts, now)).toBe(may);
  });
});

test("keepsEnding() counts three restarts within ten minutes, and no older ones", () => {
  expect(keepsEnding(ago(590, 300, 1), now)).toBe(true);
  expect(keepsEnding(ago(610, 300, 1), now)).toBe(false);
});
