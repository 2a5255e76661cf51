import { expect, test } from "vitest";
import { clockNote } from "../../../src/clients/clockNote.ts";

const DATE = "Thu, 01 Jan 2026 00:00:00 GMT";

test.each<[number, string | undefined]>([
  [0, undefined],
  [-60, undefined],
  [600, "the clock of this machine is 600 s ahead of the server's"],
  [-600, "the clock of this machine is 600 s behind the server's"],
])("clockNote() of a clock that is %i s ahead", (seconds, note) => {
  expect(clockNote(DATE, Date.parse(DATE) + seconds * 1000)).toBe(note);
});

test("clockNote() says nothing when the server does not say what time it is", () => {
  expect(clockNote(undefined, 0)).toBeUndefined();
});
