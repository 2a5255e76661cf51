import type { Check, Finding } from "./Check.ts";
import { reasonOf } from "./Evidence.ts";
import type { Subject } from "./Subject.ts";

/** A check and what it found. */
export interface CheckResult extends Finding {
  readonly check: Check;
  readonly ms: number;
}

export interface AuditOptions {
  /** Milliseconds that one check may take before it counts as `unobservable`. */
  readonly patienceMs?: number;
  readonly onStart?: (check: Check) => void;
  readonly onResult?: (result: CheckResult) => void;
}

/** The history of a large repository is read to its end in less. */
const PATIENCE_MS = 120_000;

/**
 * Runs all checks side by side; results come in the order of the checks. What throws, or keeps silent for too long, is `unobservable`.
 *
 * Rejects with the signal's reason when the run is interrupted, and with nothing else.
 */
export async function audit(
  checks: readonly Check[],
  subject: Subject,
  { patienceMs = PATIENCE_MS, onStart, onResult }: AuditOptions = {},
): Promise<CheckResult[]> {
  const { signal } = subject.context;
  const results = await Promise.all(
    checks.map(async (check) => {
      const started = performance.now();
      onStart?.(check);
      const finding = await look(check, subject, patienceMs);
      const result = { check, ...finding, ms: Math.round(performance.now() - started) };
      if (!signal.aborted) onResult?.(result);
      return result;
    }),
  );
  signal.throwIfAborted();
  return results;
}

async function look(check: Check, subject: Subject, patienceMs: number): Promise<Finding> {
  const { signal } = subject.context;
  let timer: NodeJS.Timeout | undefined;
  let interrupt = (): void => {};
  const unobservable = (reason: string): Finding => ({ verdict: "unobservable", evidence: [reason] });
  const given = new Promise<Finding>((resolve) => {
    timer = setTimeout(resolve, patienceMs, unobservable(`no answer in ${patienceMs / 1000} s`));
    interrupt = () => resolve(unobservable("interrupted"));
    signal.addEventListener("abort", interrupt);
    if (signal.aborted) interrupt();
  });
  try {
    return await Promise.race([check.look(subject), given]);
  } catch (error) {
    return unobservable(reasonOf(error));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", interrupt);
  }
}
