import type { LedgerEntry } from "../credentials/LedgerEntry.ts";

/** The same order whoever collected it: what stays first, then what expires, each by where it is. */
export function sortLedger(ledger: readonly LedgerEntry[]): LedgerEntry[] {
  return ledger.toSorted(
    (one, other) =>
      Number(other.residual) - Number(one.residual) ||
      one.where.localeCompare(other.where) ||
      one.what.localeCompare(other.what),
  );
}
