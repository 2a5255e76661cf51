import { expect, test } from "vitest";
import { policyText } from "../../../src/resources/vault/policyText.ts";

test("policyText() fills in names", () => {
  expect(policyText("git-reader", { repository: "fleet" })).toContain('path "identity/oidc/token/git-reader-fleet" {');
  expect(policyText("operator", { stack: "local" })).not.toContain("${");
});

test.each([undefined, "", 'x" { capabilities = ["sudo"] }', "a/*"])(
  "policyText() refuses %j as a name",
  (repository) => {
    const values: Record<string, string> = repository === undefined ? {} : { repository };
    expect(() => policyText("git-reader", values)).toThrow("policy git-reader: repository is");
  },
);
