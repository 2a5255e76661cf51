import { expect, test } from "vitest";
import type { CheckResult } from "../../../src/audit/audit.ts";
import type { Verdict } from "../../../src/audit/Check.ts";
import { formatAudit } from "../../../src/cli/audit/formatAudit.ts";

const check = (id: string) => ({ id, promise: "p", remedy: `mend ${id}`, look: () => Promise.reject(new Error()) });
const result = (id: string, verdict: Verdict, evidence: string[]): CheckResult => ({
  ...{ check: check(id), verdict, evidence, ms: 1 },
});
const options = { ledger: [], now: new Date(0), paint: (_: string, text: string) => text, columns: undefined };

test("formatAudit() puts the worst first, with all of its evidence and its remedy", () => {
  const text = formatAudit(
    "local",
    [
      result("good", "proved", ["1", "2", "3", "4", "5"]),
      result("hidden", "unobservable", ["needs a login"]),
      result("bad", "violated", ["a", "b", "c", "d"]),
    ],
    options,
  );
  expect(text.split("\n").map((line) => line.trim().replaceAll(/ {2,}/g, " | "))).toEqual([
    "stack local: 1 violated, 1 unobservable, 1 proved",
    "! what is unobservable is not proved: the evidence says what it takes to look",
    "",
    "CHECK | VERDICT | EVIDENCE",
    "bad | violated | a",
    ...["b", "c", "d"],
    "hidden | unobservable | needs a login",
    "good | proved | 1",
    ...["2", "3", "and 2 more (--json)"],
    "",
    "bad: mend bad",
  ]);
});
