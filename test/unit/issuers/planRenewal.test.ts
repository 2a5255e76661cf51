import fc from "fast-check";
import { expect, test } from "vitest";
import { planRenewal } from "../../../src/issuers/planRenewal.ts";

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
      expect(plan.at.getTime()).toBeGreaterThanOrEqual(issued);
      expect(plan.due).toBe(now >= plan.at.getTime());
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
