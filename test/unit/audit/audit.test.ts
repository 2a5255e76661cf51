import { expect, test } from "vitest";
import { audit } from "../../../src/audit/audit.ts";
import type { Check, Finding } from "../../../src/audit/Check.ts";
import { Evidence } from "../../../src/audit/Evidence.ts";
import type { Subject } from "../../../src/audit/Subject.ts";
import { DayzeroError } from "../../../src/config/DayzeroError.ts";

const checkOf = (id: string, look: () => Promise<Finding>): Check => ({ id, promise: "p", remedy: "r", look });
const subjectOf = (signal = new AbortController().signal) => ({ context: { signal } }) as unknown as Subject;
const never = () => new Promise<Finding>(() => undefined);
const proved: Finding = { verdict: "proved", evidence: ["seen"] };

test("audit() keeps the order of the checks, whichever ends first", async () => {
  let release = (_: Finding): void => undefined;
  const slow = new Promise<Finding>((resolve) => {
    release = resolve;
  });
  const quick = async () => {
    release(proved);
    return proved;
  };
  const results = await audit([checkOf("slow", () => slow), checkOf("quick", quick)], subjectOf());
  expect(results.map(({ check }) => check.id)).toEqual(["slow", "quick"]);
});

test("audit() takes a check that throws for unobservable, with the reason and what to do", async () => {
  const error = new DayzeroError("VAULT_SEALED", "cannot log in to vault: it is sealed", { hint: "run `dayzero up`" });
  const [result] = await audit([checkOf("a", () => Promise.reject(error))], subjectOf());
  expect(result).toMatchObject({ verdict: "unobservable", evidence: [`${error.message} (run \`dayzero up\`)`] });
});

test("audit() waits no longer than its patience for one check", async () => {
  const results = await audit([checkOf("mute", never), checkOf("a", async () => proved)], subjectOf(), {
    patienceMs: 20,
  });
  expect(results).toMatchObject([
    { verdict: "unobservable", evidence: ["no answer in 0.02 s"] },
    { verdict: "proved" },
  ]);
});

test("audit() rejects with the reason of an interruption, at once", async () => {
  const controller = new AbortController();
  const running = audit([checkOf("mute", never)], subjectOf(controller.signal));
  controller.abort(new Error("stopped"));
  await expect(running).rejects.toThrow("stopped");
});

test("Evidence makes the worst line the verdict, and tells the worst first", () => {
  const evidence = new Evidence();
  expect(evidence.finding.verdict).toBe("unobservable");
  evidence.proved("good");
  expect(evidence.finding.verdict).toBe("proved");
  evidence.unobservable("hidden");
  expect(evidence.finding.verdict).toBe("unobservable");
  evidence.violated("bad");
  expect(evidence.finding).toEqual({ verdict: "violated", evidence: ["bad", "hidden", "good"] });
});

test("Evidence.look() says what could not be looked at, and what that takes", async () => {
  const evidence = new Evidence();
  const ask = () => Promise.reject(new Error("vault answered 403"));
  expect(await evidence.look("tokens", "list on auth/token/accessors", ask)).toBeUndefined();
  expect(evidence.finding).toEqual({
    verdict: "unobservable",
    evidence: ["tokens: not looked at, which takes list on auth/token/accessors: vault answered 403"],
  });
});
