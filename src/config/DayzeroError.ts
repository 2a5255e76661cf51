import type { ErrorCode } from "./errorCatalogue.ts";

/**
 * The one error a user is meant to read.
 *
 * `message` says what was attempted and the value seen, lower case, no full stop; `hint` is the next action.
 * Neither may hold a secret. `code` is stable: scripts and documentation refer to it, and `dayzero explain` tells more.
 */
export class DayzeroError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, { cause, hint }: { cause?: unknown; hint: string }) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "DayzeroError";
    this.code = code;
    this.hint = hint;
  }
}
