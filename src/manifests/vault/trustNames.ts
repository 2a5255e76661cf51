import { DAYZERO_NAMESPACE } from "../marks.ts";

/** Audience of service-account tokens that are meant for Vault. */
export const VAULT_AUDIENCE = "vault";

/** Who manages Vault for the stack. */
export const OPERATOR = {
  role: "operator",
  serviceAccount: { namespace: DAYZERO_NAMESPACE, name: "operator" },
} as const;

/** Who earns the Git credential. */
export const GIT_READER = {
  role: "git-reader",
  serviceAccount: { namespace: DAYZERO_NAMESPACE, name: "git-reader" },
} as const;

/** `sub` of a service account's token. */
export function subjectOf(account: { namespace: string; name: string }): string {
  return `system:serviceaccount:${account.namespace}:${account.name}`;
}

/** Vault's JWT auth mount for one generation of the cluster. */
export function jwtMountName(generation: string): string {
  return `jwt-${short(generation)}`;
}

/** Vault's OIDC signing key for one generation of the cluster. */
export function oidcKeyName(generation: string): string {
  return `generation-${short(generation)}`;
}

/** Vault's OIDC role for reading one repository; its token is read at `identity/oidc/token/<role>`. */
export function oidcRoleName(repository: string): string {
  return `git-reader-${repository}`;
}

/**
 * Audience of the tokens of one repository. The stack's name in front is also its mark: OIDC keys and roles have no metadata,
 * so they are known by the client ids they allow.
 */
export function gitAudience(stack: string, repository: string): string {
  return `${oidcMark(stack)}git/${repository}`;
}

/** What client ids of a stack begin with. No stack's name holds a slash. */
export function oidcMark(stack: string): string {
  return `dayzero/${stack}/`;
}

/** What policy names of a stack begin with; another stack's may begin so too, so the mark is in the text. */
export function policyName(stack: string, name: string): string {
  return `dayzero-${stack}-${name}`;
}

/** First block of a UID: enough to tell the generations of one stack apart, short enough for people. */
function short(generation: string): string {
  return generation.slice(0, 8);
}
