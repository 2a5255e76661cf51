import { createHash } from "node:crypto";

/** Names a credential in logs, annotations and ledgers without telling it: the first 16 hex digits of its SHA-256. */
export function fingerprintOf(value: string): string {
  return createHash("sha256").update(value).digest("hex").slice(0, 16);
}
