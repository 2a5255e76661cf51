import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));
const GITHUB = join(CHECKOUT, ".github");
const TABLE = /\n## Promises\n[\s\S]*?(\n\|[\s\S]*?)\n\n/;
const rows = (TABLE.exec(readFileSync(join(GITHUB, "SECURITY.md"), "utf8"))?.[1] ?? "")
  .trim()
  .split("\n")
  .slice(2)
  .map((row) => row.slice(1, -1).split(" | "))
  .map(([promise = "", holders = ""]) => ({
    promise: promise.trim(),
    holders: holders.trim().split(/; (?=\[|audit `)/),
  }));

/** Where audit checks and their ids are. */
const AUDIT = [join(CHECKOUT, "src", "audit"), join(CHECKOUT, "docs", "audit.md")];

describe("SECURITY.md", () => {
  test("has promises, and each is held by something", () => {
    expect(rows.length).toBeGreaterThan(20);
    for (const { promise, holders } of rows)
      for (const holder of holders) expect(holder, promise).toMatch(/^(audit `[a-z-]+`|\[[\w.]+\]\([^)]+\) "[^"]+")$/);
  });

  test.each(rows)("links tests that there are: $promise", ({ holders }) => {
    for (const holder of holders) {
      const [, name, path, title] = /^\[([\w.]+)\]\(([^)]+)\) "([^"]+)"$/.exec(holder) ?? [];
      if (path === undefined) continue;
      expect(path.endsWith(`/${name}`), holder).toBe(true);
      const source = readFileSync(join(GITHUB, path), "utf8");
      expect(source.includes(`"${title}",`), `${path} has no test "${title}"`).toBe(true);
    }
  });

  test.skipIf(!AUDIT.some(existsSync))("names audit checks that there are (skipped where there is no audit)", () => {
    const known = AUDIT.filter(existsSync).flatMap(textsBelow).join("\n");
    const ids = rows.flatMap(({ holders }) =>
      holders.flatMap((holder) => /^audit `([a-z-]+)`$/.exec(holder)?.[1] ?? []),
    );
    expect(ids).not.toEqual([]);
    for (const id of ids) expect(known.includes(`"${id}"`) || known.includes(`\`${id}\``), id).toBe(true);
  });
});

function textsBelow(path: string): string[] {
  if (path.endsWith(".md")) return [readFileSync(path, "utf8")];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(path, name), "utf8"));
}
