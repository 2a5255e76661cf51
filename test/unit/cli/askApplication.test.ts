import { describe, expect, test } from "vitest";
import { troubleOf } from "../../../src/cli/status/askApplication.ts";

describe("troubleOf()", () => {
  test("is what cannot be compared, on one line", () => {
    const conditions = [
      { type: "OrphanedResourceWarning", message: "no matter" },
      { type: "ComparisonError", message: "failed to generate manifest:\n  mapping values are not allowed" },
    ];
    expect(troubleOf({ conditions, operationState: { phase: "Failed", message: "older" } })).toBe(
      "failed to generate manifest: mapping values are not allowed",
    );
  });

  test.each([
    ["Failed", "OutOfSync", "one or more objects failed to apply", true],
    ["Running", "OutOfSync", "it failed. Retrying attempt #3 at 9:01AM.", true],
    ["Running", "OutOfSync", "waiting for healthy state of apps/Deployment/one", false],
    ["Failed", "Synced", "one or more objects failed to apply", false],
    ["Succeeded", "Synced", "successfully synced", false],
  ])("of an operation that is %s while %s: %s", (phase, status, message, told) => {
    expect(troubleOf({ sync: { status }, operationState: { phase, message } })).toBe(told ? message : undefined);
  });
});
