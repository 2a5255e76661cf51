import type { JWTPayload } from "jose";
import { decodeProtectedHeader } from "jose/decode/protected_header";
import * as errors from "jose/errors";
import { jwtVerify } from "jose/jwt/verify";
import type { JwksCache } from "./JwksCache.ts";

/** What a token has to say to be accepted for one repository. */
export interface GitTokenPolicy {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  readonly generation: string;
  readonly repository: string;
}

export type TokenRefusal =
  | "malformed"
  | "algorithm"
  | "key"
  | "signature"
  | "issuer"
  | "audience"
  | "expired"
  | "not-yet-valid"
  | "repository"
  | "generation"
  | "claims";

export type Verdict =
  | { readonly accepted: true; readonly kid: string }
  | { readonly accepted: false; readonly refusal: TokenRefusal; readonly kid?: string };

/**
 * Whether a signed token (JWS, RFC 7515 and 7519) opens a repository now.
 *
 * No clock tolerance. `exp`, `iat`, `iss`, `aud`, `repository` and `generation` have to be there; an audience among others is
 * refused like a wrong one, and so is an empty claim, which is what OpenBao's templates make of missing metadata.
 * Throws {@link import("./JwksCache.ts").JwksUnavailable} when it cannot be told.
 */
export async function verifyGitToken(
  token: string,
  policy: GitTokenPolicy,
  world: { readonly keys: JwksCache; readonly now: Date },
): Promise<Verdict> {
  const kid = kidOf(token);
  const refuse = (refusal: TokenRefusal): Verdict => ({
    accepted: false,
    refusal,
    ...(kid === undefined ? {} : { kid }),
  });
  let payload: JWTPayload;
  try {
    const find = async (header: Parameters<JwksCache["find"]>[0]) => {
      const key = header.kid === undefined ? undefined : await world.keys.find(header);
      if (key === undefined) throw new errors.JWKSNoMatchingKey();
      return key;
    };
    ({ payload } = await jwtVerify(token, find, {
      algorithms: [...policy.algorithms],
      issuer: policy.issuer,
      audience: policy.audience,
      clockTolerance: 0,
      currentDate: world.now,
      requiredClaims: ["exp", "iat"],
    }));
  } catch (error) {
    if (error instanceof errors.JOSEError) return refuse(refusalOf(error));
    throw error;
  }
  if (payload.aud !== policy.audience && !(Array.isArray(payload.aud) && payload.aud.length === 1)) {
    return refuse("audience");
  }
  if (typeof payload.iat !== "number" || payload.iat * 1000 > world.now.getTime()) return refuse("not-yet-valid");
  if (!isSame(payload.repository, policy.repository)) return refuse("repository");
  if (!isSame(payload.generation, policy.generation)) return refuse("generation");
  return kid === undefined ? refuse("key") : { accepted: true, kid };
}

function isSame(claim: unknown, expected: string): boolean {
  return typeof claim === "string" && claim !== "" && claim === expected;
}

function kidOf(token: string): string | undefined {
  try {
    const { kid } = decodeProtectedHeader(token);
    return typeof kid === "string" ? kid.slice(0, 64) : undefined;
  } catch {
    return undefined;
  }
}

function refusalOf(error: errors.JOSEError): TokenRefusal {
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) return "algorithm";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  if (error instanceof errors.JWKSNoMatchingKey) return "key";
  if (error instanceof errors.JWTClaimValidationFailed) {
    const byClaim: Record<string, TokenRefusal> = { iss: "issuer", aud: "audience", nbf: "not-yet-valid" };
    return byClaim[error.claim] ?? "claims";
  }
  return "malformed";
}
