import { readFileSync } from "node:fs";
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

/** The statements of a policy, by path, with the comment above each. */
function statementsOf(file: string): Map<string, string> {
  const text = readFileSync(new URL(`../../../bootstrap/vault/${file}.hcl`, import.meta.url), "utf8");
  const blocks = text
    .replace(/\$\{stack\}/g, "prod")
    .trim()
    .split(/\n\n(?=#|path )/);
  return new Map(
    blocks.flatMap((block) => {
      const path = /^path "(.+)" \{$/m.exec(block)?.[1];
      return path === undefined ? [] : [[path, block] as const];
    }),
  );
}

// Each file is read as a whole by whoever decides to write it, so neither includes the other.
test("the two operator policies say the same, but for what only a Vault of the stack's own needs", () => {
  const own = statementsOf("operator");
  const external = statementsOf("external-operator");
  const more = [...own.keys()].filter((path) => !external.has(path));
  expect(more).toEqual([
    "auth/dayzero/prod/+/role/operator",
    "identity/entity/id",
    "identity/entity/id/*",
    "identity/oidc/config",
    // What the audit reads: of somebody else's Vault its owner decides.
    "auth/token/accessors",
    "auth/token/lookup-accessor",
    "sys/audit",
    "auth/+/config",
    "auth/+/role/",
    "auth/+/role/+",
  ]);
  // The comment stands above the first statement that it is about: here that is another one.
  const bare = (block: string | undefined) => block?.replace(/^#.*\n/gm, "");
  for (const [path, block] of external) expect(bare(own.get(path)), path).toBe(bare(block));
});
