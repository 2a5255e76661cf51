import { expect, test } from "vitest";
import type { CheckResult } from "../../../src/audit/audit.ts";
import type { Verdict } from "../../../src/audit/Check.ts";
import { checks } from "../../../src/audit/checks.ts";
import { toSarif } from "../../../src/audit/toSarif.ts";

const about = { stack: "prod", version: "0.1.0" };
const resultOf = (index: number, verdict: Verdict): CheckResult => {
  const check = checks[index];
  if (check === undefined) throw new Error("no such check");
  return { check, verdict, evidence: ["Secret argocd/x is seen"], ms: 1 };
};

test("toSarif() makes a rule of each check, and results of those that are not proved", () => {
  const [run] = toSarif([resultOf(0, "proved"), resultOf(1, "violated"), resultOf(2, "unobservable")], about).runs;
  expect(run?.tool.driver.rules?.map(({ id }) => id)).toEqual(checks.slice(0, 3).map(({ id }) => id));
  expect(run?.results?.map(({ ruleId, level }) => [ruleId, level])).toEqual([
    [checks[1]?.id, "error"],
    [checks[2]?.id, "warning"],
  ]);
});

test("toSarif() says what SARIF 2.1.0 demands of a result, and what tells the same finding of two runs", () => {
  const log = toSarif([resultOf(0, "proved"), resultOf(1, "violated")], about);
  expect(log).toMatchObject({ $schema: expect.stringMatching(/^https:.*sarif-2\.1\.0/), version: "2.1.0" });
  const [run] = log.runs;
  const [result] = run?.results ?? [];
  const rule = run?.tool.driver.rules?.[result?.ruleIndex ?? -1];
  expect(rule?.id).toBe(result?.ruleId);
  expect(rule?.shortDescription?.text).toMatch(/^[A-Z].*\.$/);
  expect(result?.message.text).toBe(`violated: ${checks[1]?.promise}\nSecret argocd/x is seen`);
  expect(result?.locations?.[0]?.physicalLocation?.artifactLocation?.uri).toBe("Pulumi.yaml");
  expect(Object.values(result?.partialFingerprints ?? {})).toEqual([`prod/${checks[1]?.id}`]);
});
