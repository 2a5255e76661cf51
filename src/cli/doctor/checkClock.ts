import { type Finding, not, ok } from "./Finding.ts";

/** Somebody else's clock. */
export interface Timekeeper {
  readonly where: string;
  /** `undefined` where it tells none; a rejection counts as that. */
  tell(): Promise<Date | undefined>;
}

/** Of a Date header: half a second either way. */
const RESOLUTION_MS = 500;

/**
 * Compares this machine's clock with others, none of which has to be right: `toleranceMs` between any two of them is a warning, ten
 * times as much a problem. Tokens are checked without leeway, so clocks that differ refuse what is good.
 */
export async function checkClock(
  timekeepers: readonly Timekeeper[],
  toleranceMs: number,
  now: () => number = Date.now,
): Promise<Finding> {
  const told = await Promise.all(timekeepers.map((one) => offsetOf(one, now)));
  const offsets = told.filter((one) => one !== undefined);
  if (offsets.length === 0) {
    return not("unknown", "nothing that was asked tells the time", "compare date -u with another clock");
  }
  const seen = offsets.map(({ where, offset }) => `${where} ${formatOffset(offset)}`).join(", ");
  const all = [{ offset: 0, doubt: 0 }, ...offsets];
  const worst = Math.max(
    ...all.flatMap((one) => all.map((other) => Math.abs(one.offset - other.offset) - one.doubt - other.doubt)),
  );
  if (worst <= toleranceMs) return ok(seen);
  return not(
    worst > 10 * toleranceMs ? "problem" : "warning",
    seen,
    "have a time service (NTP) set the clocks of this machine and of those named",
  );
}

async function offsetOf(
  { where, tell }: Timekeeper,
  now: () => number,
): Promise<{ where: string; offset: number; doubt: number } | undefined> {
  const before = now();
  const told = await tell().catch(() => undefined);
  const after = now();
  if (told === undefined || Number.isNaN(told.getTime())) return undefined;
  const offset = told.getTime() + RESOLUTION_MS - (before + after) / 2;
  return { where, offset, doubt: RESOLUTION_MS + (after - before) / 2 };
}

function formatOffset(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds === 0) return "agrees";
  return `is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead" : "behind"}`;
}
