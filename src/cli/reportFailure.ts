import { inspect } from "node:util";
import { DayzeroError } from "../config/DayzeroError.ts";
import type { Paint } from "./narrator/Narrator.ts";

/** A failure as `--json` prints it. */
export interface FailureJson {
  readonly ok: false;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string | null };
}

export function failureJson(error: unknown): FailureJson {
  const code = error instanceof DayzeroError ? error.code : "INTERNAL";
  return { ok: false, error: { code, message: messageOf(error), hint: hintOf(error) } };
}

/** A failure for people: what was attempted, why it failed, what to do next. The stack only where it was asked for. */
export function failureText(error: unknown, options: { debug: boolean; paint: Paint }): string {
  const { paint } = options;
  const lines = [`${paint("red", "error:")} ${messageOf(error)}`];
  for (const cause of causesOf(error)) lines.push(`  ${paint("dim", "because")} ${messageOf(cause)}`);
  const hint = hintOf(error);
  if (hint !== null) lines.push(`${paint("bold", "hint:")} ${hint}`);
  if (options.debug) lines.push(inspect(error));
  return `${lines.join("\n")}\n`;
}

/** Causes whose message is not already part of the error's own. */
function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  const said = messageOf(error);
  for (let cause = error; cause instanceof Error && cause.cause !== undefined && causes.length < 5; ) {
    cause = cause.cause;
    if (!said.includes(messageOf(cause))) causes.push(cause);
  }
  return causes;
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message || error.name : String(error);
}

function hintOf(error: unknown): string | null {
  if (error instanceof DayzeroError) return error.hint ?? null;
  return "this is a defect: run it again with --debug and report what it prints";
}
