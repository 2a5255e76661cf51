import { decodeJwt } from "jose/jwt/decode";
import type { VaultClient } from "../clients/VaultClient.ts";
import { DayzeroError } from "../config/DayzeroError.ts";
import { Secret } from "../credentials/Secret.ts";
import { fingerprintOf } from "./fingerprintOf.ts";
import { GIT_USERNAME } from "./gitUsername.ts";
import type { Issuer } from "./Issuer.ts";
import { probeGit } from "./probeGit.ts";

export interface OidcIssuerOptions {
  /** Not logged in: each issue logs in anew, the token it gets is good for one use. */
  readonly vault: VaultClient;
  /** JWT auth mount of the cluster's generation. */
  readonly mount: string;
  /** Role of that mount. */
  readonly role: string;
  /** Role of the OIDC provider whose template names the repository. */
  readonly oidcRole: string;
  /** A service-account token whose audience the mount accepts. */
  readonly identity: () => Promise<Secret>;
  readonly url: string;
  /** PEM of the CA that signed the Git server's certificate; without it the system's roots count. */
  readonly ca: string | undefined;
}

/**
 * OIDC tokens signed by Vault, presented as the password of the user `oidc`.
 *
 * Expiry-only: a signed token cannot be taken back before its `exp`, which is why it is short.
 * Source: https://openbao.org/api-docs/secret/identity/tokens/#generate-a-signed-id-token
 */
export function oidcIssuer(options: OidcIssuerOptions): Issuer {
  return {
    name: "openbao-oidc",
    async issue() {
      const client = await options.vault.loginJwt(options.mount, options.role, await options.identity());
      const path = `identity/oidc/token/${options.oidcRole}`;
      const answer = await client.read<{ token: string }>(path);
      if (answer === undefined) {
        throw new DayzeroError(
          "ISSUER_ROLE_MISSING",
          `cannot get a token: vault has no OIDC role "${options.oidcRole}"`,
          {
            hint: "run `dayzero up`: it makes the role again",
          },
        );
      }
      const { iat, exp } = decodeJwt(answer.token);
      if (iat === undefined || exp === undefined) {
        throw new DayzeroError("ISSUER_TOKEN_INVALID", `cannot use the token of ${path}: it has no iat or no exp`, {
          hint: "run dayzero up, which puts Vault's OIDC roles right",
        });
      }
      return {
        username: GIT_USERNAME,
        password: new Secret(answer.token),
        issuedAt: new Date(iat * 1000),
        expiresAt: new Date(exp * 1000),
        fingerprint: fingerprintOf(answer.token),
      };
    },
    probe: (credential) => probeGit(options.url, credential, options.ca),
  };
}
