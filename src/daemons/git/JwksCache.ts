import type { CryptoKey, JSONWebKeySet, JWK, JWTHeaderParameters } from "jose";
import { importJWK } from "jose/key/import";

/** A key that is no longer published stops working after this time at most, whatever the response's own max-age says. */
export const JWKS_MAX_AGE_MS = 30_000;
/** An unknown key is a reason to look again, but not more often than this. */
const COOLDOWN_MS = 1_000;

/** The keys cannot be had, so nothing can be said about any token. */
export class JwksUnavailable extends Error {
  constructor(cause: unknown) {
    super("the issuer's keys cannot be fetched", { cause });
    this.name = "JwksUnavailable";
  }
}

/**
 * The issuer's published keys, at most {@link JWKS_MAX_AGE_MS} old counted from when they were asked for.
 *
 * Stale keys are never used: without an answer from the issuer, `find` throws {@link JwksUnavailable}.
 */
export class JwksCache {
  readonly #fetch: () => Promise<JSONWebKeySet>;
  readonly #now: () => number;
  #keys: readonly JWK[] = [];
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  /** `now` in milliseconds; only differences count. */
  constructor(options: { fetch: () => Promise<JSONWebKeySet>; now: () => number }) {
    this.#fetch = options.fetch;
    this.#now = options.now;
  }

  /** The key that a token's header names; `undefined` when the issuer publishes no such key for signatures. */
  async find(header: JWTHeaderParameters): Promise<CryptoKey | undefined> {
    if (this.#age() >= JWKS_MAX_AGE_MS) await this.#refresh();
    let key = this.#select(header);
    if (key === undefined && this.#age() >= COOLDOWN_MS) {
      await this.#refresh();
      key = this.#select(header);
    }
    if (key === undefined) return undefined;
    const imported = await importJWK(key, header.alg).catch(() => undefined);
    return imported instanceof Uint8Array ? undefined : imported;
  }

  #age(): number {
    return this.#now() - this.#askedAt;
  }

  #select(header: JWTHeaderParameters): JWK | undefined {
    return this.#keys.find(
      ({ kid, kty, use, alg }) =>
        kid === header.kid &&
        kty !== "oct" &&
        (use === undefined || use === "sig") &&
        (alg === undefined || alg === header.alg),
    );
  }

  #refresh(): Promise<void> {
    this.#asking ??= this.#load().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #load(): Promise<void> {
    const askedAt = this.#now();
    try {
      this.#keys = (await this.#fetch()).keys;
      this.#askedAt = askedAt;
    } catch (cause) {
      throw new JwksUnavailable(cause);
    }
  }
}
