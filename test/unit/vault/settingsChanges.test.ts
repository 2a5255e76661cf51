import { expect, test } from "vitest";
import { settingsChanges } from "../../../src/resources/vault/settingsChanges.ts";

test("settingsChanges() finds nothing where Vault spells the same in another way", () => {
  const live = {
    policies: ["b", "a"],
    claims: null,
    cidrs: [],
    key: "PEM\n",
    ttl: 300,
    flag: false,
    map: { y: 1, x: 2 },
    other: "Vault's own",
  };
  const desired = { policies: ["a", "b"], claims: {}, cidrs: "", key: "PEM", ttl: 300, gone: "", map: { x: 2, y: 1 } };
  expect(settingsChanges(live, desired)).toEqual([]);
});

test("settingsChanges() tells each difference with what was and what is to be", () => {
  const live = { claims: { team: "x" }, uses: 0, leeway: 60, policies: ["a", "b"] };
  expect(settingsChanges(live, { claims: {}, uses: 1, leeway: -1, policies: ["a"] })).toEqual([
    { action: "update", path: "claims", before: "team=x", after: "" },
    { action: "update", path: "uses", before: "0", after: "1" },
    { action: "update", path: "leeway", before: "60", after: "-1" },
    { action: "update", path: "policies", before: "a, b", after: "a" },
  ]);
});

test("settingsChanges() tells zero and false apart from a number and true", () => {
  expect(settingsChanges({ uses: 0, strict: true }, { uses: 0, strict: false })).toEqual([
    { action: "update", path: "strict", before: "true", after: "" },
  ]);
});
