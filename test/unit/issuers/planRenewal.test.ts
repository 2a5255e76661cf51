import fc from "fast-check";
import { expect, test } from "vitest";
import { planRenewal, requireClock } from "../../../src/issuers/planRenewal.ts";

const time = fc.integer({ min: 0, max: 4_000_000_000_000 });
const life = fc.integer({ min: 1, max: 100_000_000_000 });

test("planRenewal() renews ten minutes after six minutes and forty seconds", () => {
  const issuedAt = new Date("2026-11-22T10:00:00Z");
  const expiresAt = new Date("2026-11-22T10:10:00Z");
  const at = new Date("2026-11-22T10:06:40Z");
  expect(planRenewal({ issuedAt, expiresAt, now: new Date(at.getTime() - 1) })).toEqual({ at, due: false });
  expect(planRenewal({ issuedAt, expiresAt, now: at })).toEqual({ at, due: true });
});

test("planRenewal() leaves at least a third of life, and is due exactly from then on", () => {
  fc.assert(
    fc.property(time, life, time, (issued, length, now) => {
      const [issuedAt, expiresAt] = [new Date(issued), new Date(issued + length)];
      const plan = planRenewal({ issuedAt, expiresAt, now: new Date(now) });
      expect((expiresAt.getTime() - plan.at.getTime()) * 3).toBeGreaterThanOrEqual(length);
      if (issued - now <= 60_000) expect(plan.at.getTime()).toBeGreaterThanOrEqual(issued);
      const unborn = issued - now > 60_000;
      expect(plan.due).toBe(unborn || now >= issued + Math.floor((length * 2) / 3));
    }),
  );
});

test("planRenewal() is due for what has no life", () => {
  fc.assert(
    fc.property(time, fc.integer({ min: 0, max: 1000 }), time, (issued, less, now) => {
      const plan = planRenewal({ issuedAt: new Date(issued), expiresAt: new Date(issued - less), now: new Date(now) });
      expect(plan).toEqual({ at: new Date(now), due: true });
    }),
  );
  expect(planRenewal({ issuedAt: new Date(Number.NaN), expiresAt: new Date(1), now: new Date(0) }).due).toBe(true);
});

test.each<[string, number, string | undefined]>([
  ["as the issuer's", 0, undefined],
  ["a minute behind", -60, undefined],
  ["five minutes ahead, which a life of ten bears", 300, undefined],
  ["ten minutes ahead", 600, "600 s ahead of"],
  ["ten minutes behind", -600, "600 s behind"],
])("requireClock() with a clock %s", (_, seconds, said) => {
  const issuedAt = new Date("2026-11-22T10:00:00Z");
  const expiresAt = new Date("2026-11-22T10:10:00Z");
  const now = new Date(issuedAt.getTime() + seconds * 1000);
  const check = () => requireClock({ issuedAt, expiresAt }, now);
  if (said === undefined) expect(check).not.toThrow();
  else expect(check).toThrow(expect.objectContaining({ code: "CLOCK_OFF", message: expect.stringContaining(said) }));
});
