/**
 * One line of the residual ledger: a credential that exists because of this stack, named and never hidden.
 *
 * `residual` is true for what stays static (a CA key, an age identity) and false for what is short-lived.
 */
export interface LedgerEntry {
  /** What the credential is, in the field's words: `control-plane CA key`. */
  readonly what: string;
  /** Where it lives: a path below the state folder, a Kubernetes object (`Secret argocd/repo-fleet`), a process environment. */
  readonly where: string;
  /** RFC 3339 time at which it stops working; `null` when it does not expire by itself. */
  readonly expiresAt: string | null;
  readonly residual: boolean;
  /** Why it has to exist; said for residual entries. */
  readonly reason?: string;
}
