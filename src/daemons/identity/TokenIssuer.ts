import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import type { Secret } from "../../credentials/Secret.ts";
import { ShortLived } from "./ShortLived.ts";

/** A service account that may be asked for. */
export interface TokenGrant {
  readonly namespace: string;
  readonly name: string;
  /** Audiences beside the API server's own, which is always granted. */
  readonly audiences: readonly string[];
}

interface TokenWish {
  readonly namespace: string;
  readonly name: string;
  /** Without one the token is for the API server itself. */
  readonly audience: string | undefined;
  readonly expirationSeconds: number;
}

interface IssuedToken {
  readonly token: Secret;
  readonly expiresAt: Date;
}

/** What the caller may not have, or asked in a way that cannot be answered; `status` is the HTTP status to say it with. */
export class TokenRefused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The API server gives no token for less (TokenRequest); nobody here needs one for longer. */
const MIN_SECONDS = 600;
const MAX_SECONDS = 3_600;

/** Obtains tokens of listed service accounts by TokenRequest, and gives out the same one until two thirds of its life have passed. */
export class TokenIssuer {
  readonly #kubernetes: Pick<KubernetesClient, "serviceAccountToken">;
  readonly #allow: readonly TokenGrant[];
  readonly #tokens = new Map<string, ShortLived<IssuedToken>>();

  constructor(options: { kubernetes: Pick<KubernetesClient, "serviceAccountToken">; allow: readonly TokenGrant[] }) {
    this.#kubernetes = options.kubernetes;
    this.#allow = options.allow;
  }

  async token(wish: TokenWish): Promise<IssuedToken> {
    this.#check(wish);
    const id = JSON.stringify([wish.namespace, wish.name, wish.audience, wish.expirationSeconds]);
    let token = this.#tokens.get(id);
    if (token === undefined) {
      token = new ShortLived(() => this.#request(wish));
      this.#tokens.set(id, token);
    }
    return token.get();
  }

  #check({ namespace, name, audience, expirationSeconds }: TokenWish): void {
    const grant = this.#allow.find((other) => other.namespace === namespace && other.name === name);
    if (grant === undefined) throw new TokenRefused(403, `service account ${namespace}/${name} is not on the list`);
    if (audience !== undefined && !grant.audiences.includes(audience)) {
      throw new TokenRefused(403, `audience "${audience}" is not granted to service account ${namespace}/${name}`);
    }
    if (!Number.isInteger(expirationSeconds) || expirationSeconds < MIN_SECONDS || expirationSeconds > MAX_SECONDS) {
      throw new TokenRefused(
        400,
        `expirationSeconds ${expirationSeconds} is not between ${MIN_SECONDS} and ${MAX_SECONDS}`,
      );
    }
  }

  #request({ namespace, name, audience, expirationSeconds }: TokenWish): Promise<IssuedToken> {
    const audiences = audience === undefined ? {} : { audiences: [audience] };
    return this.#kubernetes.serviceAccountToken({ namespace, name, expirationSeconds, ...audiences });
  }
}
