import { describe, expect, it } from "vitest";
import { takeoverProblems } from "../../../src/hosts/plugin/takeoverProblems.ts";

const url = "https://git.example.com/team/fleet.git";
const desired = { source: { kind: "url", url } } as const;

describe("takeoverProblems()", () => {
  it("has none where nothing, or the same, was remembered", () => {
    expect(takeoverProblems({}, desired)).toEqual([]);
    expect(takeoverProblems({ source: url }, desired)).toEqual([]);
    expect(takeoverProblems({ source: url, branch: "main", path: "." }, { ...desired, branch: "main" })).toEqual([]);
  });

  it("names the setting of the stack's file that is missing", () => {
    const [problem] = takeoverProblems({ source: "/home/me/fleet" }, { source: { kind: "scaffold" } });
    expect(problem?.path).toBe("source");
    expect(problem?.message).toContain("config.dayzero:repository.source");
    expect(problem?.message).toContain("/home/me/fleet");
    const others = takeoverProblems({ source: url, branch: "live", path: "apps" }, desired);
    expect(others.map(({ path }) => path)).toEqual(["branch", "path"]);
  });
});
