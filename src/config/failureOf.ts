import { causesOf } from "./causesOf.ts";
import { DayzeroError } from "./DayzeroError.ts";
import type { ErrorCode } from "./errorCatalogue.ts";
import { redactCredentials } from "./redactCredentials.ts";

/** What a person is told of an error, whoever threw it. Credentials are left out of each text. */
export interface Failure {
  readonly code: ErrorCode;
  /** What was attempted, and the value seen. */
  readonly message: string;
  /** What is behind it and not said by the message already, outermost first. */
  readonly because: readonly string[];
  /** The next action. */
  readonly hint: string;
}

/** How an error that is not ours is to be understood. */
interface Meaning {
  readonly code: ErrorCode;
  readonly hint: string;
}

const MAX_CAUSES = 5;
/** How far a trace follows causes: one may lead back to itself. */
const MAX_DEPTH = 5;

/** The one way from an error to words: for the command line, for Pulumi's engine and for logs. */
export function failureOf(error: unknown): Failure {
  const { code, hint } = error instanceof DayzeroError ? error : meaningOf(error);
  const message = messageOf(error);
  return { code, message, because: unsaidCauses(error, message), hint: redactCredentials(hint) };
}

/**
 * Where an error and its causes were thrown, for `--debug`: names, messages and stack frames. Never their other properties: errors of
 * HTTP clients carry requests and responses.
 */
export function traceOf(error: unknown): string {
  return redactCredentials(stacksOf(error, MAX_DEPTH).join("\ncaused by "));
}

function stacksOf(error: unknown, depth: number): string[] {
  if (!(error instanceof Error)) return [String(error)];
  const causes: unknown[] = error instanceof AggregateError ? [...error.errors] : [];
  if (error.cause !== undefined) causes.push(error.cause);
  return [error.stack ?? String(error), ...(depth === 0 ? [] : causes.flatMap((cause) => stacksOf(cause, depth - 1)))];
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join("; ");
  return redactCredentials(error instanceof Error ? error.message || error.name : String(error));
}

function unsaidCauses(error: unknown, said: string): string[] {
  const messages = [...causesOf(error)].slice(1).map(messageOf);
  return messages.filter((message) => !said.includes(message)).slice(0, MAX_CAUSES);
}

/** By the first error of the chain that says what it is; what nobody foresaw is a defect. */
function meaningOf(error: unknown): Meaning {
  for (const cause of causesOf(error)) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    if (Object.hasOwn(SYSTEM, code)) return { code: code as SystemCode, hint: SYSTEM[code as SystemCode] };
    const { status } = cause as { status?: number };
    if (cause.name === "KubernetesError") return status === 0 ? UNANSWERED : KUBERNETES;
    if (cause.name === "VaultError") return VAULT;
    if (cause.name === "GitError") return GIT;
    if (cause.name === "TimeoutError") return LATE;
  }
  return { code: "INTERNAL", hint: "this is a defect: run it again with --debug and report what it prints" };
}

/** Of the system's own errors (errno(3)) those that a person can do something about. */
const SYSTEM = {
  EACCES: "make the path named accessible to you, or choose another folder with --state",
  EPERM: "make the path named accessible to you, or choose another folder with --state",
  EROFS: "choose a folder that can be written to: --state for stacks, XDG_CACHE_HOME for the tools",
  ENOSPC: "make room on the disk and run it again: it goes on where this run ended",
  EDQUOT: "make room in your quota and run it again: it goes on where this run ended",
  EMFILE: "raise the limit of open files (ulimit -n) and run it again",
  ENFILE: "raise the limit of open files of the system and run it again",
  ENOMEM: "free some memory and run it again",
  EADDRINUSE: "stop what uses the address named, and run it again",
} as const;

type SystemCode = keyof typeof SYSTEM;

// Clients' errors are known by the names of their classes: this room imports none of them.
const KUBERNETES: Meaning = {
  code: "KUBERNETES_FAILED",
  hint: "see that your kubeconfig may do this; of an embedded cluster see dayzero status and logs/kube-apiserver.log, then run dayzero up again",
};
const UNANSWERED: Meaning = {
  code: "CLUSTER_UNREACHABLE",
  hint: "see that the API server runs and is reached from here; of an embedded cluster `dayzero status` tells what does not answer",
};
const VAULT: Meaning = {
  code: "VAULT_FAILED",
  hint: "see that your login has the policy for this stack (bootstrap/vault/external-operator.hcl); of an embedded Vault see dayzero status and logs/vault.log, then run dayzero up again",
};
/** The DOM's name for the end of an `AbortSignal.timeout()`. */
const LATE: Meaning = {
  code: "TIMED_OUT",
  hint: "see whether what was asked answers, and run it again; under `pulumi up`, customTimeouts gives a resource longer",
};
const GIT: Meaning = {
  code: "GIT_FAILED",
  hint: "see that the folder named is writable and whole (git fsck in it), then run it again",
};
