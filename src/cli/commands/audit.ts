import { resolve } from "node:path";
import { audit as runAudit } from "../../audit/audit.ts";
import { checks } from "../../audit/checks.ts";
import { toSarif } from "../../audit/toSarif.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import { formatAudit } from "../audit/formatAudit.ts";
import { type AuditSubjectOptions, openSubject } from "../audit/openSubject.ts";
import { EXIT } from "../exitCodes.ts";
import { packageVersion } from "../packageVersion.ts";
import type { Outcome, Run } from "../Run.ts";

export interface AuditCommandOptions extends AuditSubjectOptions {
  /** File that gets the result as SARIF besides. */
  readonly sarif?: string;
}

/**
 * `dayzero audit`: proves by the live systems that no long-lived secret is left, and changes nothing that lasts. Exits 1 on a
 * violation; what could not be looked at is told, and is none.
 */
export async function audit(run: Run, stack: string, options: AuditCommandOptions): Promise<Outcome> {
  const { narrator } = run;
  const { subject, close } = await openSubject(run, stack, options);
  try {
    const results = await runAudit(checks, subject, {
      onStart: ({ id }) => narrator.tell({ kind: "phase-started", phase: id }),
      onResult: ({ check, verdict, ms }) =>
        narrator.tell({ kind: "phase-finished", phase: check.id, ms, ok: verdict === "proved" }),
    });
    if (options.sarif !== undefined) {
      const sarif = toSarif(results, { stack, version: await packageVersion() });
      await writeFileAtomic(
        resolve(run.workingDirectory, options.sarif),
        `${JSON.stringify(sarif, undefined, 2)}\n`,
        0o644,
      );
    }
    const ok = results.every(({ verdict }) => verdict !== "violated");
    const { ledger, context } = subject;
    const text = formatAudit(stack, results, { ledger, now: context.now(), paint: run.paint, columns: run.columns });
    return {
      exitCode: ok ? EXIT.ok : EXIT.failed,
      json: { ok, checks: results.map(({ check: { id }, verdict, evidence }) => ({ id, verdict, evidence })) },
      text: `${text}\n`,
    };
  } finally {
    await close();
  }
}
