/** When a credential is to be renewed. */
export interface RenewalPlan {
  /** Two thirds of its life. */
  readonly at: Date;
  readonly due: boolean;
}

/**
 * Renewal at two thirds of life, so that a third is left for whatever goes wrong. What has no life (it ends before it
 * begins, or its times are unknown) is due.
 */
export function planRenewal(times: { issuedAt: Date; expiresAt: Date; now: Date }): RenewalPlan {
  const [issued, expires, now] = [times.issuedAt.getTime(), times.expiresAt.getTime(), times.now.getTime()];
  const life = expires - issued;
  if (!(life > 0)) return { at: times.now, due: true };
  const at = issued + Math.floor((life * 2) / 3);
  return { at: new Date(at), due: now >= at };
}
