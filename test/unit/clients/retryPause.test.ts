import { expect, test } from "vitest";
import { retryPause } from "../../../src/clients/retryPause.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

test.each<[string, string | undefined, number | undefined]>([
  ["seconds", "7", 7_000],
  ["a date", "Thu, 01 Jan 2026 00:00:12 GMT", 12_000],
  ["a date that is over", "Wed, 31 Dec 2025 23:59:00 GMT", 0],
  ["nothing", undefined, 1_000],
  ["what nobody understands", "soon", 1_000],
  ["later than anybody sits and waits", "31", undefined],
  ["a date as far off", "Thu, 01 Jan 2026 00:10:00 GMT", undefined],
])("retryPause() of %s is never before what the server said", (_, retryAfter, expected) => {
  expect(retryPause(retryAfter, NOW)).toBe(expected);
});
