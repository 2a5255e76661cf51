import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ShortLived } from "../../../src/daemons/identity/ShortLived.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function counted(lifeMs: number) {
  let asked = 0;
  const value = new ShortLived(async () => ({ number: ++asked, expiresAt: new Date(Date.now() + lifeMs) }));
  return { value, asked: () => asked };
}

test("ShortLived, gives the same value until two thirds of its life have passed", async () => {
  const { value } = counted(600_000);
  expect((await value.get()).number).toBe(1);
  vi.advanceTimersByTime(399_000);
  expect((await value.get()).number).toBe(1);
  vi.advanceTimersByTime(2_000);
  expect((await value.get()).number).toBe(2);
});

test("ShortLived, asks once for however many wait", async () => {
  const { value, asked } = counted(600_000);
  await Promise.all(Array.from({ length: 10 }, () => value.get()));
  expect(asked()).toBe(1);
});

test("ShortLived, asks again after a failure", async () => {
  let asked = 0;
  const value = new ShortLived(async () => {
    if (++asked === 1) throw new Error("not now");
    return { expiresAt: new Date(Date.now() + 1_000) };
  });
  await expect(value.get()).rejects.toThrow("not now");
  await expect(value.get()).resolves.toBeDefined();
});
