import { DayzeroError } from "../config/DayzeroError.ts";

/** What the process ends with; `--help` documents them, scripts rely on them. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_CODES_HELP = `
Exit codes:
  0    done; for status: healthy; for audit: nothing is violated
  1    failed; for status: not healthy; for audit: something is violated
  2    wrong usage or configuration
  130  interrupted`;

/** Errors that are the caller's to correct: nothing was tried. */
const USAGE_CODES = [
  "USAGE",
  "STACK_INVALID",
  "STACK_FILE_UNREADABLE",
  "STACK_UNKNOWN",
  "STATE_UNUSABLE",
  "STACK_PROGRAM_CHANGED",
  "PROJECT_INVALID",
  "PROJECT_UNSUITABLE",
  "PROJECT_UNWRITABLE",
  "AGE_IDENTITY_INVALID",
  "CONFIRMATION_NEEDED",
  "NOTHING_GIVEN",
];

/** Ctrl-C, SIGTERM or SIGHUP ended the run. */
export class Interrupted extends DayzeroError {
  constructor(signal: string) {
    super("INTERRUPTED", `interrupted by ${signal}`, {
      hint: "run the same command again: it goes on where this one ended",
    });
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof Interrupted) return EXIT.interrupted;
  return error instanceof DayzeroError && USAGE_CODES.includes(error.code) ? EXIT.usage : EXIT.failed;
}
