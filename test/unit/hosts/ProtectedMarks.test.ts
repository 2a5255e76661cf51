import { mkdtemp, readdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ProtectedMarks } from "../../../src/hosts/converge/ProtectedMarks.ts";
import type { AnyHandler } from "../../../src/hosts/Handler.ts";
import { localContext } from "../../support/localContext.ts";

test("ProtectedMarks does not take a file in pieces for one without marks", async () => {
  const directory = await mkdtemp(join(tmpdir(), "dz-marks-"));
  try {
    const handler = { type: "dayzero:test:Box" } as AnyHandler;
    const marks = new ProtectedMarks(directory);
    const box = {
      urn: "urn",
      name: "box",
      type: handler.type,
      id: "box",
      handler,
      protect: true,
      inputs: {},
      outputs: {},
      changes: [],
    };
    await marks.remember([box]);
    expect(await marks.isProtected(handler, "box", localContext(directory))).toBe(true);
    for (const size of [10, 0]) {
      await truncate(join(directory, "protected.json"), size);
      const unreadable = { code: "PROTECTED_MARKS_UNREADABLE", hint: expect.stringContaining("dayzero plan") };
      await expect(marks.isProtected(handler, "box", localContext(directory))).rejects.toMatchObject(unreadable);
      await expect(marks.remember([box])).rejects.toMatchObject(unreadable);
    }
    expect(await readdir(directory)).toEqual(["protected.json"]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
