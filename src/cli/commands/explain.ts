import { DayzeroError } from "../../config/DayzeroError.ts";
import { type ErrorCode, errorAreas, errorCatalogue } from "../../config/errorCatalogue.ts";
import type { ErrorEntry } from "../../config/errors/ErrorEntry.ts";
import { nearestKey } from "../../config/nearestKey.ts";
import { EXIT, exitCodeFor } from "../exitCodes.ts";
import { formatTable } from "../formatTable.ts";
import type { Outcome, Run } from "../Run.ts";

/** `dayzero explain [code]`: what an error code means, its usual causes and what to do; without one, every code with its title. */
export async function explain({ paint }: Pick<Run, "paint">, written: string | undefined): Promise<Outcome> {
  if (written === undefined) {
    const codes = Object.keys(errorCatalogue).map((code) => ({ code, title: errorCatalogue[code as ErrorCode].title }));
    return { exitCode: EXIT.ok, json: { codes }, text: `${listing()}\n` };
  }
  const code = codeNamed(written);
  const entry = errorCatalogue[code];
  const exitCode = exitCodeFor(code);
  const { title, meaning, causes, remedy } = entry;
  const text = [
    `${paint("bold", code)}: ${title}`,
    "",
    meaning,
    "",
    "Usual causes:",
    ...causes.map((cause) => `  - ${cause}`),
    "",
    "What to do:",
    ...remedy.map((step, index) => `  ${index + 1}. ${step}`),
    "",
    `The process ends with exit code ${exitCode}.`,
  ];
  return { exitCode: EXIT.ok, json: { code, title, meaning, causes, remedy, exitCode }, text: `${text.join("\n")}\n` };
}

/** In any case of letters. Throws `EXPLAIN_UNKNOWN`, with the one that may have been meant. */
function codeNamed(written: string): ErrorCode {
  const code = written.trim().toUpperCase();
  if (Object.hasOwn(errorCatalogue, code)) return code as ErrorCode;
  const near = nearestKey(code, Object.keys(errorCatalogue));
  throw new DayzeroError("EXPLAIN_UNKNOWN", `there is no error code ${JSON.stringify(written)}`, {
    hint:
      near === undefined ? "dayzero explain lists all codes" : `did you mean ${near}? dayzero explain lists all codes`,
  });
}

function listing(): string {
  return errorAreas.map(([heading, codes]) => formatTable([heading, ""], rowsOf(codes))).join("\n\n");
}

function rowsOf(codes: Readonly<Record<string, ErrorEntry>>): [code: string, title: string][] {
  return Object.entries(codes).map(([code, { title }]) => [code, title]);
}
