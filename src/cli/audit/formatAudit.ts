import type { CheckResult } from "../../audit/audit.ts";
import type { Verdict } from "../../audit/Check.ts";
import { VERDICTS } from "../../audit/Evidence.ts";
import type { LedgerEntry } from "../../credentials/LedgerEntry.ts";
import { formatTable } from "../formatTable.ts";
import type { Paint } from "../narrator/Narrator.ts";
import { formatLedger } from "../status/formatSurvey.ts";

/** Lines of evidence for what holds; `--json` has all. Of what does not hold none is left out. */
const PROOFS_SHOWN = 3;

const COLOURS = { violated: "red", unobservable: "yellow", proved: "green" } as const satisfies Record<Verdict, string>;

/** An audit for people: the count, the worst first with its evidence, what to do about violations, and what stays static. */
export function formatAudit(
  stack: string,
  results: readonly CheckResult[],
  options: { ledger: readonly LedgerEntry[]; now: Date; paint: Paint; columns: number | undefined },
): string {
  const { paint, ledger, now, columns } = options;
  const sorted = VERDICTS.flatMap((verdict) => results.filter((result) => result.verdict === verdict));
  const counts = VERDICTS.flatMap((verdict) => {
    const count = results.filter((result) => result.verdict === verdict).length;
    return count === 0 ? [] : [paint(COLOURS[verdict], `${count} ${verdict}`)];
  });
  const lines = [`${paint("bold", `stack ${stack}`)}: ${counts.join(", ")}`];
  if (sorted.some(({ verdict }) => verdict === "unobservable")) {
    lines.push(`${paint("yellow", "!")} what is unobservable is not proved: the evidence says what it takes to look`);
  }
  lines.push("", formatTable(["check", "verdict", "evidence"], sorted.flatMap(rowsOf)));
  for (const { check, verdict } of sorted) {
    if (verdict === "violated") lines.push("", `${paint("bold", check.id)}: ${check.remedy}`);
  }
  if (ledger.length > 0) lines.push("", formatLedger(ledger, now, columns));
  return lines.join("\n");
}

function rowsOf({ check, verdict, evidence }: CheckResult): string[][] {
  const shown = verdict === "proved" ? evidence.slice(0, PROOFS_SHOWN) : evidence;
  const hidden = evidence.length - shown.length;
  const [first = "", ...rest] = [...shown, ...(hidden === 0 ? [] : [`and ${hidden} more (--json)`])];
  return [[check.id, verdict, first], ...rest.map((line) => ["", "", line])];
}
