import type { JSONWebKeySet } from "jose";
import { createLocalJWKSet } from "jose/jwks/local";
import { jwtVerify } from "jose/jwt/verify";
import { ARGOCD_NAMESPACE } from "../../manifests/argocd/controllerIdentity.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { repositorySecretName, SECRET_TYPE } from "../../manifests/repositorySecret.ts";
import { GIT_TOKEN_SECONDS } from "../../resources/vault/OidcRoleResource.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import { secretData } from "./secretData.ts";

/** Keys of a repository Secret that hold a credential. Source: Argo CD, util/db/repository_secrets.go. */
const CREDENTIALS = [
  ...["password", "bearerToken", "sshPrivateKey", "tlsClientCertKey", "githubAppPrivateKey", "gcpServiceAccountKey"],
];

/**
 * Argo CD takes every Secret of its namespace with the right label for a repository's. The stack's own is known by its name, and its
 * end by the token itself, as Vault's signature confirms it; what has no end that its issuer confirms is a static credential.
 */
export const repositorySecrets: Check = {
  id: "repository-secrets",
  promise: "every credential that Argo CD reads Git with is the stack's own, and ends within its declared life",
  remedy:
    "delete the Secret, or let a stack take it over (dayzero:gitops.adopt); `dayzero up` makes the stack's own again",

  async look({ context, spec }) {
    const evidence = new Evidence();
    const own = repositorySecretName(spec.repository.name);
    await evidence.look("repository Secrets", "leave to list secrets in all namespaces", async () => {
      const kubernetes = await context.kubernetes();
      const labelSelector = `${SECRET_TYPE} in (repository, repo-creds)`;
      const secrets = await kubernetes.list({ apiVersion: "v1", kind: "Secret" }, { labelSelector });
      for (const secret of secrets) {
        const { namespace, name, labels = {} } = secret.metadata;
        const what = `Secret ${namespace}/${name}`;
        const held = CREDENTIALS.filter((key) => secretData(secret, key) !== "");
        const stack = labels[STACK_LABEL];
        if (namespace !== ARGOCD_NAMESPACE) evidence.proved(`${what} is labelled, and Argo CD does not look there`);
        else if (held.length === 0) evidence.proved(`${what} holds no credential`);
        else if (stack !== undefined && stack !== context.stack)
          evidence.proved(`${what} is stack ${stack}'s to prove`);
        else if (stack === undefined || name !== own)
          evidence.violated(`${what} holds ${held.join(", ")} and is not managed by stack ${context.stack}`);
        else if (held.join() !== "password")
          evidence.violated(`${what} holds ${held.join(", ")}, where the stack puts a password only`);
        else await proveLife(what, secretData(secret, "password"));
      }
      if (!secrets.some(({ metadata }) => metadata.namespace === ARGOCD_NAMESPACE && metadata.name === own))
        evidence.unobservable(`Secret ${ARGOCD_NAMESPACE}/${own} is not there`);
    });
    return evidence.finding;

    async function proveLife(what: string, token: string): Promise<void> {
      const keys = await evidence.look(`end of the token in ${what}`, "Vault's published OIDC keys", async () =>
        (await context.vault()).read<JSONWebKeySet>("identity/oidc/.well-known/keys"),
      );
      if (keys === undefined) return;
      const life = await confirmedLife(token, keys);
      if (life === undefined)
        evidence.violated(`${what} holds a password that Vault did not sign: nobody says when it ends`);
      else if (life > GIT_TOKEN_SECONDS)
        evidence.violated(`${what} holds a token of ${life} s, where ${GIT_TOKEN_SECONDS} s are declared`);
      else
        evidence.proved(
          `${what} holds a token signed by Vault with a life of ${life} s, at most ${GIT_TOKEN_SECONDS} s`,
        );
    }
  },
};

/** Seconds between `iat` and `exp` of a token that one of these keys signed; it may have ended. */
async function confirmedLife(token: string, keys: JSONWebKeySet): Promise<number | undefined> {
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
      requiredClaims: ["iat", "exp"],
      // Whether it has ended already is not asked here.
      currentDate: new Date(0),
    });
    return (payload.exp ?? 0) - (payload.iat ?? 0);
  } catch {
    return undefined;
  }
}
