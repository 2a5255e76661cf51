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

/**
 * Vault's JWT auth mount for one generation of the cluster. A path, so that a policy can name each thing below the mounts of one stack:
 * in a name, Vault's patterns match a beginning only.
 */
export function jwtMountName(stack: string, generation: string): string {
  return `${stackPath(stack)}${short(generation)}`;
}

/** Vault's OIDC signing key for one generation of the cluster. */
export function oidcKeyName(stack: string, generation: string): string {
  return nameInVault(stack, short(generation));
}

/** Vault's OIDC role for reading one repository; its token is read at `identity/oidc/token/<role>`. */
export function oidcRoleName(stack: string, repository: string): string {
  return nameInVault(stack, repository);
}

/**
 * Audience of the tokens of one repository. The stack's name in front is also its mark: OIDC keys and roles have no metadata,
 * so they are known by the client ids they allow.
 */
export function gitAudience(stack: string, repository: string): string {
  return `${stackPath(stack)}git/${repository}`;
}

/** `iss` of what the Vault at an address signs, unless its owner says another one. */
export function oidcIssuerUrl(address: string): string {
  return `${address}/v1/identity/oidc`;
}

/** Where it publishes the keys for that (RFC 7517), for everybody. */
export function oidcKeysUrl(address: string): string {
  return `${oidcIssuerUrl(address)}/.well-known/keys`;
}

/** What client ids and auth mounts of a stack begin with. No stack's name holds a slash. */
export function stackPath(stack: string): string {
  return `dayzero/${stack}/`;
}

/** What policies, OIDC keys and OIDC roles are called: names of the last two hold no slash, and no stack's name holds a dot. */
export function nameInVault(stack: string, name: string): string {
  return `dayzero.${stack}.${name}`;
}

/** First block of a UID: enough to tell the generations of one stack apart, short enough for people. */
function short(generation: string): string {
  return generation.slice(0, 8);
}
