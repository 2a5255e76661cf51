import { setTimeout as delay } from "node:timers/promises";
import { failureOf } from "../../config/failureOf.ts";
import { planRenewal, requireClock } from "../../issuers/planRenewal.ts";

/** The times of the credential that is in place. */
export interface CredentialTimes {
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  readonly fingerprint: string;
  /** Process that put it there; "" when it did not say so. */
  readonly writer: string;
}

/** What `GET /status` tells. */
export interface RenewalStatus {
  /** RFC 3339; null before the credential was first looked at. */
  readonly expiresAt: string | null;
  readonly nextRenewal: string | null;
  readonly fingerprint: string | null;
  /** When this process last put one there itself; null before it did. */
  readonly renewedAt: string | null;
  /** Failures since the last success. */
  readonly failures: number;
  readonly lastError: string | null;
  readonly lastErrorAt: string | null;
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
/** How long it sleeps at most: a machine that was suspended wakes with a clock that has jumped. */
const GLANCE_MS = 15_000;

/**
 * Keeps one credential fresh: looks at the one in place, renews it at two thirds of its life, and tries again after a failure
 * with pauses that grow to half a minute, for as long as it takes.
 *
 * With a `writer`, what another one put there is due as well: that shows at its start, and not at two thirds of a life, whether it
 * can renew.
 */
export class Renewal {
  readonly #look: () => Promise<CredentialTimes>;
  readonly #renew: () => Promise<CredentialTimes>;
  readonly #now: () => Date;
  readonly #log: (entry: Readonly<Record<string, unknown>>) => void;
  readonly #onTurn: (() => Promise<void>) | undefined;
  readonly #writer: string | undefined;
  #renewedAt: Date | undefined;
  #times: CredentialTimes | undefined;
  #failures = 0;
  #lastError: { message: string; at: string } | undefined;

  constructor(options: {
    look: () => Promise<CredentialTimes>;
    renew: () => Promise<CredentialTimes>;
    now: () => Date;
    log: (entry: Readonly<Record<string, unknown>>) => void;
    /** After each look, whatever came of it. */
    onTurn?: () => Promise<void>;
    writer?: string;
  }) {
    this.#look = options.look;
    this.#renew = options.renew;
    this.#now = options.now;
    this.#log = options.log;
    this.#onTurn = options.onTurn;
    this.#writer = options.writer;
  }

  /** Runs until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const pause = await this.#step(signal);
      // A disk that is full is no reason to let the credential expire.
      await this.#onTurn?.().catch((error: unknown) =>
        this.#log({ event: "turn-failed", error: describeFailure(error) }),
      );
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Looks once and renews what is due; rejects with what stood in the way. */
  async once(): Promise<void> {
    // Looked at again before each renewal: `up` may have been faster.
    if (this.#times === undefined || this.#plan(this.#times).due) this.#times = await this.#look();
    if (this.#plan(this.#times).due) {
      this.#times = await this.#renew();
      // Who won a race to the Secret proved nothing about this process.
      if (this.#isOwn(this.#times)) this.#renewedAt = this.#now();
      const { fingerprint, expiresAt } = this.#times;
      this.#log({ event: "renewed", fingerprint, expiresAt: expiresAt.toISOString() });
      // As a failure: it is told, and what follows is tried less and less often, while the credential in place is always a fresh one.
      requireClock(this.#times, this.#now());
    }
  }

  status(): RenewalStatus {
    return {
      expiresAt: this.#times?.expiresAt.toISOString() ?? null,
      nextRenewal: this.#times === undefined ? null : this.#plan(this.#times).at.toISOString(),
      fingerprint: this.#times?.fingerprint ?? null,
      renewedAt: this.#renewedAt?.toISOString() ?? null,
      failures: this.#failures,
      lastError: this.#lastError?.message ?? null,
      lastErrorAt: this.#lastError?.at ?? null,
    };
  }

  /** Does what is due and returns the milliseconds to sleep. */
  async #step(signal: AbortSignal): Promise<number> {
    try {
      await this.once();
      this.#failures = 0;
      this.#lastError = undefined;
      const left = this.#times === undefined ? 0 : this.#plan(this.#times).at.getTime() - this.#now().getTime();
      return Math.max(FIRST_RETRY_MS, Math.min(left, GLANCE_MS));
    } catch (error) {
      if (signal.aborted) return 0;
      this.#failures++;
      this.#lastError = { message: describeFailure(error), at: this.#now().toISOString() };
      this.#log({ event: "failed", failures: this.#failures, error: this.#lastError.message });
      return Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 10), LAST_RETRY_MS);
    }
  }

  #plan(times: CredentialTimes) {
    const now = this.#now();
    return this.#isOwn(times) ? planRenewal({ ...times, now }) : { at: now, due: true };
  }

  #isOwn({ writer }: CredentialTimes): boolean {
    return this.#writer === undefined || writer === this.#writer;
  }
}

function describeFailure(error: unknown): string {
  const { code, message } = failureOf(error);
  return code === "INTERNAL" ? message : `${code}: ${message}`;
}
