import { inspect } from "node:util";
import { causesOf } from "../config/causesOf.ts";
import { DayzeroError } from "../config/DayzeroError.ts";
import type { Paint } from "./narrator/Narrator.ts";

/** A failure as `--json` prints it. */
export interface FailureJson {
  readonly ok: false;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string | null };
}

export function failureJson(error: unknown): FailureJson {
  const code = error instanceof DayzeroError ? error.code : (explain(error)?.code ?? "INTERNAL");
  return { ok: false, error: { code, message: messageOf(error), hint: hintOf(error) } };
}

/** A failure for people: what was attempted, why it failed, what to do next. The stack only where it was asked for. */
export function failureText(error: unknown, options: { debug: boolean; paint: Paint }): string {
  const { paint } = options;
  const lines = [`${paint("red", "error:")} ${messageOf(error)}`];
  for (const cause of unsaidCauses(error)) lines.push(`  ${paint("dim", "because")} ${messageOf(cause)}`);
  const hint = hintOf(error);
  if (hint !== null) lines.push(`${paint("bold", "hint:")} ${hint}`);
  if (options.debug) lines.push(inspect(error));
  return `${lines.join("\n")}\n`;
}

/** Causes whose message is not already part of the error's own. */
function unsaidCauses(error: unknown): unknown[] {
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

const DEFECT = "this is a defect: run it again with --debug and report what it prints";

/** Its own hint, else that of what is behind it; a defect is what nobody foresaw. */
function hintOf(error: unknown): string | null {
  if (error instanceof DayzeroError && error.hint !== undefined) return error.hint;
  const explained = explain(error);
  if (explained !== undefined) return explained.hint;
  return error instanceof DayzeroError && error.code !== "RESOURCE_FAILED" ? null : DEFECT;
}

interface Explanation {
  readonly code: string;
  readonly hint: string;
}

/** Of the system's own errors (errno(3)) those that a person can do something about. */
const SYSTEM: Readonly<Record<string, string>> = {
  EACCES: "make the path named accessible to you, or choose another folder with --state",
  EPERM: "make the path named accessible to you, or choose another folder with --state",
  EROFS: "choose a folder that can be written to: --state for stacks, XDG_CACHE_HOME for the tools",
  ENOSPC: "make room on the disk and run it again: it goes on where this run ended",
  EDQUOT: "make room in your quota and run it again: it goes on where this run ended",
  EMFILE: "raise the limit of open files (ulimit -n) and run it again",
  ENFILE: "raise the limit of open files of the system and run it again",
  ENOMEM: "free some memory and run it again",
  EADDRINUSE: "stop what uses the address named, and run it again",
};

/** What the first error of the chain that is not ours comes from; undefined for what nobody foresaw. */
function explain(error: unknown): Explanation | undefined {
  for (const cause of causesOf(error)) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    const system = Object.hasOwn(SYSTEM, code) ? SYSTEM[code] : undefined;
    if (system !== undefined) return { code, hint: system };
    const client = CLIENTS[cause.name];
    if (client !== undefined) return client;
  }
  return undefined;
}

/** By the names of their classes. */
const CLIENTS: Readonly<Record<string, Explanation>> = {
  KubernetesError: {
    code: "KUBERNETES_FAILED",
    hint: "see that your kubeconfig may do this; of an embedded cluster see dayzero status and logs/kube-apiserver.log, then run dayzero up again",
  },
  VaultError: {
    code: "VAULT_FAILED",
    hint: "see that your login has the policy for this stack (bootstrap/vault/external-operator.hcl); of an embedded Vault see dayzero status and logs/vault.log, then run dayzero up again",
  },
  GitError: {
    code: "GIT_FAILED",
    hint: "see that the folder named is writable and whole (git fsck in it), then run it again",
  },
};
