import { holdsAwsKeyId, holdsAwsSecretKey, looksLikeCredential } from "../config/looksLikeCredential.ts";

/** An input that must not be one. It never holds the value. */
export interface CredentialProblem {
  /** As Pulumi writes property paths: `data["tls.key"]`, `env[0].value`. */
  readonly path: string;
  /** `a private key`. */
  readonly looksLike: string;
}

/** Why, and what to do instead: for the person who reads the refusal. */
export const CREDENTIAL_REFUSED = {
  why: "inputs are kept in Pulumi state",
  hint: "pass the path or the name of what holds it, and take this one for known to others if it was in a state already",
} as const;

/** Every text in a resource's inputs that looks like a credential. */
export function credentialProblems(inputs: unknown): CredentialProblem[] {
  const texts = textsIn(inputs, "");
  const hasAwsKeyId = texts.some(({ text }) => holdsAwsKeyId(text));
  return texts.flatMap(({ path, text }) => {
    const looksLike =
      looksLikeCredential(text) ?? (hasAwsKeyId && holdsAwsSecretKey(text) ? "an AWS secret access key" : undefined);
    return looksLike === undefined ? [] : [{ path, looksLike }];
  });
}

function textsIn(value: unknown, path: string): { path: string; text: string }[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (Array.isArray(value)) return value.flatMap((item, index) => textsIn(item, `${path}[${index}]`));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => textsIn(item, child(path, key)));
}

function child(path: string, key: string): string {
  if (!/^[A-Za-z_$][\w$-]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}
