import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "../../../src/credentials/Secret.ts";

test("Secret shows its value by reveal() alone", () => {
  const secret = new Secret("canary-value");
  const shown = [
    `${secret}`,
    String(secret),
    JSON.stringify({ secret }),
    inspect({ secret }, { depth: 9, showHidden: true }),
  ];
  expect(shown.join("\n")).not.toContain("canary-value");
  expect(secret.reveal()).toBe("canary-value");
});
