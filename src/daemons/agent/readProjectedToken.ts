import { readFile } from "node:fs/promises";
import { decodeJwt } from "jose/jwt/decode";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { Secret } from "../../credentials/Secret.ts";

/**
 * A service account's token as the kubelet projects it, which puts a new one into the file long before the old one ends.
 *
 * Its audience is looked at here, so that a token which is good for somebody else is never shown to whom it is not meant for.
 * Throws `TOKEN_MISSING`, `TOKEN_AUDIENCE_WRONG` or `TOKEN_EXPIRED`.
 */
export async function readProjectedToken(path: string, audience: string | undefined, now: Date): Promise<Secret> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new DayzeroError("TOKEN_MISSING", `cannot read a service-account token from ${path}`, {
      cause,
      hint: "mount a projected volume with a serviceAccountToken there",
    });
  });
  const { aud, exp } = claimsOf(text, path);
  const audiences = [aud ?? []].flat();
  if (audience !== undefined && !audiences.includes(audience)) {
    throw new DayzeroError(
      "TOKEN_AUDIENCE_WRONG",
      `cannot use the token in ${path}: its audience is ${JSON.stringify(audiences.join(", "))}, not ${JSON.stringify(audience)}`,
      { hint: `set audience: ${audience} in the projected volume of the pod` },
    );
  }
  if (exp !== undefined && exp * 1000 <= now.getTime()) {
    throw new DayzeroError(
      "TOKEN_EXPIRED",
      `cannot use the token in ${path}: it expired at ${new Date(exp * 1000).toISOString()}`,
      { hint: "the kubelet renews it: see whether that runs on the node, and whether its clock is right" },
    );
  }
  return new Secret(text.trim());
}

function claimsOf(text: string, path: string): ReturnType<typeof decodeJwt> {
  try {
    return decodeJwt(text.trim());
  } catch {
    throw new DayzeroError("TOKEN_MISSING", `cannot use the content of ${path}: it is no service-account token`, {
      hint: "mount a projected volume with a serviceAccountToken there",
    });
  }
}
