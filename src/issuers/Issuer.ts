import type { Secret } from "../credentials/Secret.ts";

/** What the GitOps controller presents to the forge for one repository. */
export interface GitCredential {
  readonly username: string;
  readonly password: Secret;
  readonly issuedAt: Date;
  /** When the forge stops to accept it. */
  readonly expiresAt: Date;
  /** Names it without telling it. */
  readonly fingerprint: string;
}

/** Makes credentials for one repository of one forge. */
export interface Issuer {
  /** In the ledger's words: `openbao-oidc`. */
  readonly name: string;
  /** A new credential; whether it is accepted is for {@link Issuer.probe} to say. */
  issue(): Promise<GitCredential>;
  /** Resolves when the forge accepts the credential for reading the repository; throws as `probeGit` does. */
  probe(credential: GitCredential): Promise<void>;
}
