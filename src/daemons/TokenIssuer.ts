import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { Secret } from "../credentials/Secret.ts";
import { mintClientCertificate } from "../machine/mintClientCertificate.ts";
import { StackLayout } from "../machine/StackLayout.ts";
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
const TIMEOUT_MS = 10_000;

/**
 * Obtains tokens of listed service accounts by TokenRequest, under a client certificate of its own that it mints in memory,
 * and gives out the same one until two thirds of its life have passed.
 */
export class TokenIssuer {
  readonly #directory: string;
  readonly #server: string;
  readonly #allow: readonly TokenGrant[];
  readonly #tokens = new Map<string, ShortLived<IssuedToken>>();
  readonly #identity = new ShortLived(() => mintClientCertificate(this.#directory, "identity-broker"));

  constructor(options: { directory: string; server: string; allow: readonly TokenGrant[] }) {
    this.#directory = options.directory;
    this.#server = options.server;
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

  /** https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/ */
  async #request({ namespace, name, audience, expirationSeconds }: TokenWish): Promise<IssuedToken> {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(name)}/token`;
    const { status } = await this.#post<{ status: { token: string; expirationTimestamp: string } }>(path, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds, ...(audience === undefined ? {} : { audiences: [audience] }) },
    });
    return { token: new Secret(status.token), expiresAt: new Date(status.expirationTimestamp) };
  }

  async #post<T>(path: string, body: object): Promise<T> {
    const ca = await readFile(new StackLayout(this.#directory).pki("kubernetes", "ca.crt"));
    const { certificate, key } = await this.#identity.get();
    return new Promise<T>((resolve, reject) => {
      const sent = request(new URL(path, this.#server), {
        method: "POST",
        agent: false,
        headers: { "content-type": "application/json", accept: "application/json" },
        ca,
        cert: certificate,
        key: key.reveal(),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      sent.on("error", reject);
      sent.on("response", async (response) => {
        try {
          let text = "";
          for await (const chunk of response) text += String(chunk);
          // The body of an answer may hold a token: it is never quoted.
          if (response.statusCode === 201) resolve(JSON.parse(text) as T);
          else reject(new Error(`the API server answered ${response.statusCode} to POST ${path}`));
        } catch (error) {
          reject(error);
        }
      });
      sent.end(JSON.stringify(body));
    });
  }
}
