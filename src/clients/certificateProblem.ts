import { causesOf } from "../config/causesOf.ts";

/**
 * Why the certificate that a server showed was not accepted, when that is why a request failed: it is from nobody who is trusted or for
 * another host (`untrusted`), or its time has not come or is over by this machine's clock (`time`).
 *
 * Source: https://nodejs.org/api/tls.html#x509-certificate-error-codes
 */
export function certificateProblem(error: unknown): "untrusted" | "time" | undefined {
  for (const { code } of causesOf(error) as Iterable<{ code?: unknown }>) {
    if (typeof code !== "string") continue;
    if (code === "CERT_NOT_YET_VALID" || code === "CERT_HAS_EXPIRED") return "time";
    if (UNTRUSTED.test(code)) return "untrusted";
  }
  return undefined;
}

const UNTRUSTED = /^(UNABLE_TO_(GET_ISSUER|VERIFY)_|(DEPTH_ZERO_)?SELF_SIGNED_|CERT_|ERR_TLS_CERT_|HOSTNAME_MISMATCH)/;

/** What to do about a certificate whose time is not now. */
export const COMPARE_CLOCKS =
  "compare the clock of this machine (date) with the server's, and the dates of its certificate with both";
