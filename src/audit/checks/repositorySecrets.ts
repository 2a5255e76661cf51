import type { JSONWebKeySet } from "jose";
import { createLocalJWKSet } from "jose/jwks/local";
import { jwtVerify } from "jose/jwt/verify";
import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { ARGOCD_NAMESPACE } from "../../manifests/argocd/controllerIdentity.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { repositorySecretName, SECRET_TYPE } from "../../manifests/repositorySecret.ts";
import type { Context } from "../../resources/Resource.ts";
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
        if (isHeldAsDeclared(evidence, secret, { own, stack: context.stack }))
          await proveLife(evidence, secret, context);
      }
      if (!secrets.some(({ metadata }) => metadata.namespace === ARGOCD_NAMESPACE && metadata.name === own))
        evidence.unobservable(`Secret ${ARGOCD_NAMESPACE}/${own} is not there`);
    });
    return evidence.finding;
  },
};

/** Whether it is the stack's own, with what the stack puts into one; of any other Secret all is said that there is to say. */
function isHeldAsDeclared(
  evidence: Evidence,
  secret: KubernetesManifest,
  { own, stack }: { own: string; stack: string },
): boolean {
  const { namespace, name, labels } = secret.metadata;
  const what = nameOf(secret);
  const held = CREDENTIALS.filter((key) => secretData(secret, key) !== "");
  const holder = labels?.[STACK_LABEL];
  const isForeign = holder === undefined || (holder === stack && name !== own);
  if (namespace !== ARGOCD_NAMESPACE) evidence.proved(`${what} is labelled, and Argo CD does not look there`);
  else if (held.length === 0) evidence.proved(`${what} holds no credential`);
  else if (isForeign) evidence.violated(`${what} holds ${held.join(", ")} and is not managed by stack ${stack}`);
  else if (holder !== stack) evidence.proved(`${what} is for the audit of stack ${holder}`);
  else if (held.join() !== "password")
    evidence.violated(`${what} holds ${held.join(", ")}, where the stack puts a password only`);
  else return true;
  return false;
}

async function proveLife(evidence: Evidence, secret: KubernetesManifest, { vault }: Context): Promise<void> {
  const what = nameOf(secret);
  const keys = await evidence.look(`end of the token in ${what}`, "Vault's published OIDC keys", async () =>
    (await vault()).read<JSONWebKeySet>("identity/oidc/.well-known/keys"),
  );
  if (keys === undefined) return;
  const life = await confirmedLife(secretData(secret, "password"), keys);
  if (life === undefined)
    evidence.violated(`${what} holds a password that Vault did not sign: nobody says when it ends`);
  else if (life > GIT_TOKEN_SECONDS)
    evidence.violated(`${what} holds a token of ${life} s, where ${GIT_TOKEN_SECONDS} s are declared`);
  else
    evidence.proved(`${what} holds a token signed by Vault with a life of ${life} s, at most ${GIT_TOKEN_SECONDS} s`);
}

function nameOf({ metadata: { namespace, name } }: KubernetesManifest): string {
  return `Secret ${namespace}/${name}`;
}

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
