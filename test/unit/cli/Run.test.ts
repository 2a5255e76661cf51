import { describe, expect, test } from "vitest";
import { cacheDirectory } from "../../../src/cli/Run.ts";

describe("cacheDirectory()", () => {
  test("is below XDG_CACHE_HOME or HOME where those are absolute, and never in a folder that others write to", () => {
    expect(cacheDirectory({ XDG_CACHE_HOME: "/cache", HOME: "/me" })).toBe("/cache/dayzero");
    expect(cacheDirectory({ XDG_CACHE_HOME: "cache", HOME: "/me" })).toBe("/me/.cache/dayzero");
    for (const environment of [{}, { HOME: "" }, { HOME: "me" }] as Record<string, string>[])
      expect(cacheDirectory(environment)).toMatch(/^\/(?!tmp\/).*\.cache\/dayzero$/);
  });
});
