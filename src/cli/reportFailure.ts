import type { Writable } from "node:stream";
import type { ErrorCode } from "../config/errorCatalogue.ts";
import { failureOf, traceOf } from "../config/failureOf.ts";
import { type ExitCode, exitCodeOf } from "./exitCodes.ts";
import type { Paint } from "./narrator/Narrator.ts";

export interface ReportOptions {
  readonly debug: boolean;
  readonly json: boolean;
  readonly paint: Paint;
}

/** Says on standard error why the run failed, with `--json` on standard output too, and returns what the process ends with. */
export async function reportFailure(
  error: unknown,
  { json, ...options }: ReportOptions,
  { stdout, stderr }: { stdout: Writable; stderr: Writable },
): Promise<ExitCode> {
  stderr.write(failureText(error, options));
  // Nobody may be there to read it any more.
  if (json) await new Promise((resolve) => stdout.write(`${JSON.stringify(failureJson(error))}\n`, resolve));
  return exitCodeOf(error);
}

/** A failure as `--json` prints it. */
export interface FailureJson {
  readonly ok: false;
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint: string };
}

export function failureJson(error: unknown): FailureJson {
  const { code, message, hint } = failureOf(error);
  return { ok: false, error: { code, message, hint } };
}

/** What has been said in full: to look it up would tell nothing more. */
const PLAIN: readonly ErrorCode[] = ["USAGE", "INTERRUPTED", "NOT_CONFIRMED", "EXPLAIN_UNKNOWN"];

/** A failure for people: what was attempted, why it failed, what to do next, where to read on. The stack only where it was asked for. */
export function failureText(error: unknown, options: { debug: boolean; paint: Paint }): string {
  const { paint } = options;
  const { code, message, because, hint } = failureOf(error);
  const [first, ...further] = message.split("\n");
  const lines = [`${paint("red", "error:")} ${first} ${paint("dim", `[${code}]`)}`, ...further];
  for (const cause of because) lines.push(`  ${paint("dim", "because")} ${cause}`);
  lines.push(`${paint("bold", "hint:")} ${hint}`);
  if (!PLAIN.includes(code)) lines.push(paint("dim", `more: dayzero explain ${code}`));
  if (options.debug) lines.push(traceOf(error));
  return `${lines.join("\n")}\n`;
}
