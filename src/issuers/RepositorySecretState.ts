import { decodeJwt } from "jose/jwt/decode";
import type { KubernetesManifest } from "../clients/KubernetesClient.ts";
import { EPOCH, REPLACES, WRITER } from "../manifests/repositorySecret.ts";
import { fingerprintOf } from "./fingerprintOf.ts";

/** What a repository Secret tells about the credential in it; the credential itself stays out. */
export interface RepositorySecretState {
  readonly url: string;
  readonly username: string;
  readonly epoch: number;
  /** Process that put it there; "" when it did not say so. */
  readonly writer: string;
  /** Secret whose place it took when the stack came; "" when there was none. */
  readonly replaces: string;
  readonly fingerprint: string;
  /** From the token itself, not from annotations; the epoch of Unix time when there is no token to be read. */
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  /** Claims of the token; "" when it has none. */
  readonly generation: string;
  readonly repository: string;
  /** `iss` */
  readonly tokenIssuer: string;
}

/** Reads a Secret as it came from the API server. */
export function repositorySecretState(secret: KubernetesManifest): RepositorySecretState {
  const data = (secret.data ?? {}) as Readonly<Record<string, string>>;
  const value = (name: string) => Buffer.from(data[name] ?? "", "base64").toString("utf8");
  const password = value("password");
  const claims = claimsOf(password);
  const text = (claim: unknown) => (typeof claim === "string" ? claim : "");
  return {
    url: value("url"),
    username: value("username"),
    epoch: Number.parseInt(secret.metadata.annotations?.[EPOCH] ?? "0", 10) || 0,
    writer: secret.metadata.annotations?.[WRITER] ?? "",
    replaces: secret.metadata.annotations?.[REPLACES] ?? "",
    fingerprint: fingerprintOf(password),
    issuedAt: new Date((claims.iat ?? 0) * 1000),
    expiresAt: new Date((claims.exp ?? 0) * 1000),
    generation: text(claims.generation),
    repository: text(claims.repository),
    tokenIssuer: text(claims.iss),
  };
}

function claimsOf(token: string): ReturnType<typeof decodeJwt> {
  try {
    return decodeJwt(token);
  } catch {
    return {};
  }
}
