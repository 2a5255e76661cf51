import { DayzeroError } from "../config/DayzeroError.ts";

/** Two clocks that differ by no more count as the same. */
const CLOCKS_AGREE_MS = 60_000;

/** When a credential is to be renewed. */
export interface RenewalPlan {
  /** Two thirds of its life. */
  readonly at: Date;
  readonly due: boolean;
}

/**
 * Renewal at two thirds of life, so that a third is left for whatever goes wrong. What has no life (it ends before it
 * begins, or its times are unknown) is due, and so is what by our clock was not issued yet: how old it is nobody can tell.
 */
export function planRenewal(times: { issuedAt: Date; expiresAt: Date; now: Date }): RenewalPlan {
  const [issued, expires, now] = [times.issuedAt.getTime(), times.expiresAt.getTime(), times.now.getTime()];
  const life = expires - issued;
  if (!(life > 0) || issued - now > CLOCKS_AGREE_MS) return { at: times.now, due: true };
  const at = issued + Math.floor((life * 2) / 3);
  return { at: new Date(at), due: now >= at };
}

/**
 * Throws `CLOCK_OFF` for a credential that was issued a moment ago and, by our clock, is to be renewed at once: that would go on without
 * an end. The credential itself is good.
 */
export function requireClock({ issuedAt, expiresAt }: { issuedAt: Date; expiresAt: Date }, now: Date): void {
  const ahead = now.getTime() - issuedAt.getTime();
  if (Math.abs(ahead) <= CLOCKS_AGREE_MS || !planRenewal({ issuedAt, expiresAt, now }).due) return;
  const off = `${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? "ahead of" : "behind"}`;
  throw new DayzeroError("CLOCK_OFF", `cannot tell when to renew a credential: the clock here is ${off} its issuer's`, {
    hint: "set both clocks right (timedatectl, NTP), here and where Vault runs; then run it again",
  });
}
