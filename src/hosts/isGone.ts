import { causesOf } from "../config/causesOf.ts";
import { DayzeroError } from "../config/DayzeroError.ts";

const CODES: ReadonlySet<string> = new Set(["CLUSTER_ABSENT", "VAULT_ABSENT"]);

/**
 * Whether an error says that the system asked was taken away with its data, and so all that was in it. One that has data and does not
 * answer is not gone: what is in it comes back with it.
 */
export function isGone(error: unknown): boolean {
  for (const cause of causesOf(error)) {
    if (cause instanceof DayzeroError && CODES.has(cause.code)) return true;
  }
  return false;
}
