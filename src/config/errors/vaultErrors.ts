import type { ErrorArea } from "./ErrorEntry.ts";

/** Vault, or OpenBao: reaching it, its seal, and what the stack configures in it. */
export const vaultErrors = {
  VAULT_FAILED: {
    title: "Vault refused a request",
    meaning: "The message has the request's path, the status and Vault's own words; never a token or a body.",
    causes: [
      "a policy that does not allow it (403)",
      "a Vault in trouble (5xx)",
      "a full disk of its audit log, on which Vault stops answering",
    ],
    remedy: [
      "See that your login has the policy for this stack (bootstrap/vault/external-operator.hcl).",
      "Of an embedded Vault see `dayzero status` and logs/vault.log, then run `dayzero up` again.",
    ],
  },
  VAULT_UNREACHABLE: {
    title: "Vault does not answer",
    meaning: "No connection, or it broke before the answer came.",
    causes: [
      "it does not run, or at another address",
      "a certificate of another CA than `dayzero:vault.ca`",
      "a VPN or firewall in between",
    ],
    remedy: [
      "See that it runs and is reached from here.",
      "Of an embedded one see logs/vault.log; `dayzero up` starts it again.",
      "In the cluster, see its pods and that the address leads to the Service `openbao-operator`.",
    ],
  },
  VAULT_AUDIT_BLOCKED: {
    title: "Vault cannot write its audit log",
    meaning: "Vault answers nothing that it cannot write to its audit log: that is what the log is for.",
    causes: ["the disk of the audit log is full", "the file or its folder may not be written to"],
    remedy: ["Make room on that disk. Vault then answers by itself, and what waits for it goes on."],
  },
  SEALED_UNREADABLE: {
    title: "a sealed file is no whole age file",
    meaning: "What opens Vault is sealed in it, and it was cut off or changed. Nothing else was touched.",
    causes: ["a full disk or a crash while it was copied", "a file that was edited"],
    remedy: ["Put the file back from a backup."],
  },
  VAULT_ABSENT: {
    title: "this stack has no Vault yet",
    meaning: "The stack's folder holds nothing of a Vault.",
    causes: ["`dayzero up` was never run, or ended before Vault was made"],
    remedy: ["Run `dayzero up`, which makes it."],
  },
  VAULT_LOGIN_FAILED: {
    title: "the login to Vault failed",
    meaning: "The login that the stack's file describes was refused or could not be tried.",
    causes: [
      "a token that has expired",
      "`bound_audiences`, `bound_claims` or the bound service account of the role differ from the token's",
      "no terminal to ask for a token on",
    ],
    remedy: [
      "Follow the hint: it is about the login method that is configured.",
      "For runs without a person use the method `jwt` or `kubernetes`.",
    ],
  },
  VAULT_REFUSED: {
    title: "Vault gave the agent no credential",
    meaning: "The agent in the cluster reached Vault and was refused. The credential in place works until it ends.",
    causes: ["the cluster was rebuilt: its trust is at another mount", "the role binds another service account"],
    remedy: [
      "Compare the pod's service account with the role named.",
      "Run `dayzero up`, which trusts the cluster's present generation.",
    ],
  },
  VAULT_SEALED: {
    title: "Vault is sealed",
    meaning: "Nothing in it can be used until it is unsealed.",
    causes: ["it was restarted, and the identities at hand open too few shares", "its seal cannot reach its key"],
    remedy: [
      "`dayzero up --identity FILE` unseals with the age identity of a recipient.",
      "With a cloud's seal, see in the logs of its pods why it cannot use the key.",
    ],
  },
  VAULT_NOT_INITIALIZED: {
    title: "Vault is not initialized",
    meaning: "It runs, and is empty.",
    causes: ["an `up` that ended early"],
    remedy: ["Run `dayzero up`."],
  },
  VAULT_NOT_ACTIVE: {
    title: "Vault stays on standby",
    meaning: "It is unsealed, and no node became the active one.",
    causes: ["a raft cluster without a quorum", "a damaged data folder"],
    remedy: ["Its log says why; then run `dayzero up` again."],
  },
  VAULT_UNSEAL_REFUSED: {
    title: "Vault does not take the sealed shares",
    meaning: "The shares were opened and Vault refused them.",
    causes: ["a wrong share was given before by somebody", "vault/shares.age.json belongs to another Vault"],
    remedy: ["Run it again.", "If it stays so, put back the shares that belong to this Vault's data."],
  },
  VAULT_SHARES_UNREADABLE: {
    title: "the sealed shares cannot be read",
    meaning: "Without vault/shares.age.json this Vault cannot be unsealed.",
    causes: ["the file was deleted or damaged"],
    remedy: ["Put the file back from a backup."],
  },
  VAULT_DATA_MISSING: {
    title: "Vault is empty, and its shares are still here",
    meaning: "The shares in the stack's folder belong to a Vault whose data is gone. Nothing was initialized over it.",
    causes: ["the data folder or the volumes were deleted", "a restore of half a stack"],
    remedy: ["Put the data back from a backup.", "Or run `dayzero down` to begin with a new Vault."],
  },
  VAULT_INITIALIZED_BY_OTHERS: {
    title: "Vault was initialized by somebody else",
    meaning: "The stack has no shares of it, so it is not the stack's. It was left as it is.",
    causes: ["vault/shares.age.json was lost", "an address of another Vault"],
    remedy: ["Put vault/shares.age.json back, or give the stack a Vault of its own."],
  },
  VAULT_INIT_LOST: {
    title: "Vault's initialization was lost on the way",
    meaning:
      "A run ended between Vault's initialization and the writing of its sealed shares. Nobody can open that Vault, and nothing is in it.",
    causes: ["a crash at that moment"],
    remedy: [
      "Run `dayzero up` again: an embedded Vault is emptied and initialized anew.",
      "In a cluster delete the claims of its volumes and its pods first.",
    ],
  },
  VAULT_RESHARE_UNSUPPORTED: {
    title: "the shares of an initialized Vault cannot be changed",
    meaning: "Recipients, shares or threshold differ from those it was initialized with. Nothing was changed.",
    causes: ["`dayzero:vault` was edited after the first `up`"],
    remedy: ["Set it back; who has seen a share keeps it until Vault is rekeyed."],
  },
  VAULT_ROOT_TOKEN_SEALED: {
    title: "the initial root token waits to be revoked",
    meaning: "An interrupted run left it, sealed to the recipients, and no identity at hand opens it.",
    causes: ["`up` ended before it had revoked the token"],
    remedy: ["Run `dayzero up --identity FILE` with the age identity of one of the recipients."],
  },
  VAULT_ROOT_TOKEN_ALIVE: {
    title: "Vault still accepts a revoked root token",
    meaning: "The revocation was answered with success, and the proof of it failed.",
    causes: ["a standby node that has yet to learn of it", "a defect of the server"],
    remedy: ["Run `dayzero up` again; if it stays so, read Vault's log."],
  },
  VAULT_OPERATOR_REFUSED: {
    title: "Vault does not let the stack's operator in",
    meaning: "The operator logs in with a token of its service account in this generation of the cluster.",
    causes: ["Vault trusts another cluster than the one that runs", "the cluster does not run"],
    remedy: [
      "See `dayzero status`.",
      "Put back data/etcd of the cluster that Vault trusts, or run `dayzero down` to begin anew.",
    ],
  },
  VAULT_AUTHORITY_MISSING: {
    title: "the CA of Vault's certificate is missing",
    meaning: "Without it nobody can tell Vault from another server, so it is not talked to.",
    causes: ["a file or Secret was removed"],
    remedy: ["Run `dayzero up`, which makes it."],
  },
  VAULT_MOUNT_NOT_OWN: {
    title: "the auth mount is not the stack's",
    meaning: "A mount of that path exists without the stack's mark. It was left as it is.",
    causes: ["somebody enabled it by hand", "another stack of the same name"],
    remedy: ["Disable the mount if nobody needs it; the stack then makes its own."],
  },
  VAULT_MOUNT_NOT_HEALED: {
    title: "an auth mount does not keep its configuration",
    meaning: "It was written, and reads back otherwise.",
    causes: ["something else writes the same mount"],
    remedy: ["Look at its configuration in Vault, and who writes it (the audit log tells)."],
  },
  VAULT_SETTINGS_NOT_KEPT: {
    title: "Vault does not keep settings as written",
    meaning: "Writes merge in Vault: what is stale may stay. What reads back differs from what was declared.",
    causes: ["another version of Vault with other defaults", "something else writes the same path"],
    remedy: ["Compare the path in Vault with what `dayzero plan` shows."],
  },
  VAULT_POLICY_NOT_OWN: {
    title: "the policy is not the stack's",
    meaning: "A policy of that name exists without the stack's mark. It was left as it is.",
    causes: ["somebody wrote it by hand"],
    remedy: ["Delete it, or put the mark that the hint shows into its first line."],
  },
  VAULT_POLICY_REFUSED: {
    title: "Vault does not let this login write policies",
    meaning: "On a Vault of others that may well be meant so.",
    causes: ["the operator's policy without `sys/policies/acl`"],
    remedy: ["Have somebody write the policy who may: its text is in bootstrap/vault."],
  },
  VAULT_OIDC_NOT_OWN: {
    title: "an OIDC role or key in Vault is not the stack's",
    meaning: "One of that name exists for another audience. It was left as it is.",
    causes: ["somebody made it by hand", "another stack"],
    remedy: ["Delete it if nobody needs it; the stack then makes its own."],
  },
  CERTIFICATE_CONTENDED: {
    title: "somebody else changed OpenBao's certificate",
    meaning: "Its Secret changed between reading and writing. Nothing was overwritten.",
    causes: ["two runs at once", "a controller that writes the same Secret"],
    remedy: ["Run the same command again."],
  },
} satisfies ErrorArea;
