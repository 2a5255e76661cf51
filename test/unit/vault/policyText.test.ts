import { expect, test } from "vitest";
import { policyText } from "../../../src/resources/vault/policyText.ts";

test("policyText() fills in names", () => {
  expect(policyText("git-reader", { stack: "prod" })).toContain('path "identity/oidc/token/dayzero.prod.*" {');
  expect(policyText("operator", { stack: "local" })).not.toContain("${");
});

test.each([undefined, "", 'x" { capabilities = ["sudo"] }', "a/*"])("policyText() refuses %j as a name", (stack) => {
  const values: Record<string, string> = stack === undefined ? {} : { stack };
  expect(() => policyText("git-reader", values)).toThrow("policy git-reader: stack is");
});
