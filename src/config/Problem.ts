import { DayzeroError } from "./DayzeroError.ts";
import { mayHoldCredential } from "./looksLikeCredential.ts";

/** One thing wrong with a configuration: where, what is expected, and what was found there. */
export interface Problem {
  /** As the user would write it: `config.dayzero:vault.recipients[1]`, or a flag: `--branch`. */
  readonly path: string;
  readonly message: string;
  /** Left out where nothing says what kind of value it is: whoever misspells a key may have put a secret there. */
  readonly seen?: unknown;
}

/** One error for all problems, so that a person fixes them in one go. */
export function problemsError(what: string, problems: readonly Problem[]): DayzeroError {
  const lines = problems.map((problem) => {
    const seen = "seen" in problem ? `, got ${showValue(problem.seen)}` : "";
    return `${problem.path}: ${problem.message}${seen}`;
  });
  const message =
    lines.length === 1 ? `${what}: ${lines[0]}` : `${what}: ${lines.length} problems\n  ${lines.join("\n  ")}`;
  return new DayzeroError("STACK_INVALID", message, {
    hint: "correct the configuration or the flags named and run it again",
  });
}

/** A value for people: short, on one line, and never one that looks like a credential. */
function showValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  let text: string | undefined;
  try {
    text = typeof value === "bigint" ? String(value) : JSON.stringify(value);
  } catch {
    // Cyclic, or with a toJSON of its own: its kind has to do.
  }
  if (text === undefined) return Array.isArray(value) ? "a list" : `a ${typeof value}`;
  if (mayHoldCredential(text)) return "a value with a credential in it (not shown)";
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
