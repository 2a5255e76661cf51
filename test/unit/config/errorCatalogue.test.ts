import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type ErrorCode, errorAreas, errorCatalogue } from "../../../src/config/errorCatalogue.ts";
import { failureOf } from "../../../src/config/failureOf.ts";
import { errorsPage } from "../../support/errorsPage.ts";

const SOURCES = join(import.meta.dirname, "../../../src");
const CODES = Object.keys(errorCatalogue) as ErrorCode[];

/** Codes in the first argument of each `new DayzeroError(...)`, and those that plain JavaScript prints. */
async function codesThrown(): Promise<Set<string>> {
  const files = (await readdir(SOURCES, { recursive: true })).filter((file) => /\.(ts|js)$/.test(file));
  const texts = await Promise.all(files.map((file) => readFile(join(SOURCES, file), "utf8")));
  const thrown = texts.flatMap((text) =>
    [...text.matchAll(/(?:new DayzeroError|super)\(([^,]+),/g)].flatMap(([, first = ""]) =>
      [...first.matchAll(/"([A-Z_]+)"/g)].map(([, code = ""]) => code),
    ),
  );
  const printed = texts.flatMap((text) => [...text.matchAll(/\[([A-Z]+_[A-Z_]+)\]\\n/g)].map(([, code = ""]) => code));
  return new Set([...thrown, ...printed]);
}

/** Codes that an error of somebody else is given. */
function codesGiven(): Set<string> {
  const named = (name: string, more: object = {}) => Object.assign(new Error("x"), { name, ...more });
  const others = [
    new TypeError("x"),
    named("KubernetesError", { status: 403 }),
    named("VaultError"),
    named("GitError"),
    named("TimeoutError"),
    ...CODES.map((code) => Object.assign(new Error("x"), { code })),
  ];
  return new Set(others.map((error) => failureOf(error).code));
}

test("errorCatalogue has no code that nobody throws", async () => {
  const used = new Set([...(await codesThrown()), ...codesGiven()]);
  expect(CODES.filter((code) => !used.has(code))).toEqual([]);
});

test("errorCatalogue is complete by area, and no code is in two", () => {
  expect(errorAreas.flatMap(([, codes]) => Object.keys(codes)).sort()).toEqual([...CODES].sort());
});

test.each(Object.entries(errorCatalogue))("errorCatalogue tells of %s all that a person needs", (code, entry) => {
  expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
  expect(entry.title).toMatch(/^\S.{10,80}[^.]$/);
  expect(entry.meaning).toMatch(/^[A-Z`].*\.$/);
  expect(entry.causes.length).toBeGreaterThan(0);
  for (const cause of entry.causes) expect(cause).toMatch(/^[^.\s].*[^.]$/);
  expect(entry.remedy.length).toBeGreaterThan(0);
  for (const step of entry.remedy) expect(step).toMatch(/^[A-Z`].*\.$/);
});

test("docs/errors.md says what errorCatalogue says (-u writes it)", async () => {
  await expect(errorsPage()).toMatchFileSnapshot("../../../docs/errors.md");
});
