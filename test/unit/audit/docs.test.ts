import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { checks } from "../../../src/audit/checks.ts";

test("docs/audit.md has a row for every check, with its promise, in their order", async () => {
  const text = await readFile(new URL("../../../docs/audit.md", import.meta.url), "utf8");
  const [, section = ""] =
    text
      .split(/^## /m)
      .find((part) => part.startsWith("Checks"))
      ?.split("\n\n") ?? [];
  const rows = [...section.matchAll(/^\| `([a-z-]+)` \| (.+?) \|/gm)].map(([, id, promise]) => [id, promise]);
  expect(rows).toEqual(checks.map(({ id, promise }) => [id, promise]));
});

test("checks have ids in kebab-case, and each its own", () => {
  const ids = checks.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
});
