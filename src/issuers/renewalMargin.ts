import { planRenewal } from "./planRenewal.ts";

/** How long all that a renewal needs may be away at the worst moment, without the credential ending meanwhile. */
export const OUTAGE_BUDGET_SECONDS = 120;
/** Pause before the try that succeeds, at its longest, and the try itself. */
export const MINT_SECONDS = 60;

/** Seconds. */
export interface RenewalMargin {
  /** From the making of a credential to its renewal. */
  readonly interval: number;
  /** What the worst case takes: interval, outage budget, and time to mint. */
  readonly needed: number;
  /** What is left of the life then; negative when it ends first. */
  readonly margin: number;
}

/** Whether a credential of this life (in seconds) outlives an outage that begins when it is due; pure. */
export function renewalMargin(life: number): RenewalMargin {
  const start = new Date(0);
  const { at } = planRenewal({ issuedAt: start, expiresAt: new Date(life * 1000), now: start });
  const interval = at.getTime() / 1000;
  const needed = interval + OUTAGE_BUDGET_SECONDS + MINT_SECONDS;
  return { interval, needed, margin: life - needed };
}
