import type { Secret } from "../credentials/Secret.ts";

/** A credential value that is good now: what the audit looks for in places that must not hold it. */
export interface LiveSecret {
  /** What it is and where it belongs: `password of Secret argocd/repo-fleet`. */
  readonly what: string;
  readonly value: Secret;
  /** Where it may be: as the residual ledger names it, relative to the state folder for files. */
  readonly belongs: readonly string[];
}

/** All that can be found of them. */
export interface LiveSecrets {
  readonly known: readonly LiveSecret[];
  /** Values that could not be read, and so are looked for nowhere: one line each, with what it takes. */
  readonly unread: readonly string[];
}
