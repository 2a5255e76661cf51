/**
 * The one error a user is meant to read.
 *
 * `message` says what was attempted and the value seen, lower case, no full stop; `hint` is the next action.
 * Neither may hold a secret. `code` is UPPER_SNAKE and stable: scripts and documentation refer to it.
 */
export class DayzeroError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "DayzeroError";
    this.code = code;
    this.hint = options.hint;
  }
}
