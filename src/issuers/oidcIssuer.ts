import { decodeJwt } from "jose/jwt/decode";
import type { VaultClient } from "../clients/VaultClient.ts";
import { DayzeroError } from "../config/DayzeroError.ts";
import { Secret } from "../credentials/Secret.ts";
import { oidcKeysUrl } from "../manifests/vault/trustNames.ts";
import { fingerprintOf } from "./fingerprintOf.ts";
import { GIT_USERNAME } from "./gitUsername.ts";
import type { GitCredential, Issuer } from "./Issuer.ts";
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
  /** Where the stack's own Git server is told whom to trust; somebody else's is told by its owner. */
  readonly trustFile?: string;
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
    probe: (credential) => probeGit(options.url, credential, { ca: options.ca, trust: trustHint(credential, options) }),
  };
}

/** What the Git server has to take, by the credential that it did not. */
function trustHint({ password }: GitCredential, { trustFile, vault }: OidcIssuerOptions): string {
  const { iss, aud, repository, generation } = decodeJwt(password.reveal());
  const claims = `iss ${text(iss)}, aud ${text(aud)}, repository ${text(repository)} and generation ${text(generation)}`;
  return trustFile === undefined
    ? `let the Git server take ${claims}, signed by the keys at ${oidcKeysUrl(vault.address)}`
    : `the credential has ${claims}; ${trustFile} of the stack's folder says what its Git server takes, and dayzero up writes it anew`;
}

function text(claim: unknown): string {
  return JSON.stringify(claim) ?? "(none)";
}
