import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";
import type { VaultClient } from "../../clients/VaultClient.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import { type TrustingMount, trustingMounts } from "./trustingMounts.ts";

const TYPE = "kubernetes.io/service-account-token";

/**
 * A Secret of this type holds a token that never ends; where Kubernetes does not make one by itself any more, somebody did.
 * A reviewer's token in Vault is the same thing in another place.
 *
 * Sources: https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets,
 * https://openbao.org/api-docs/auth/kubernetes/.
 */
export const serviceAccountTokens: Check = {
  id: "service-account-tokens",
  promise: "no service account has a token that does not end, in a Secret or in Vault",
  remedy: "delete the Secret once nobody uses its token, and configure the auth mount without token_reviewer_jwt",

  async look(subject) {
    const { context } = subject;
    const evidence = new Evidence();
    await evidence.look(`Secrets of type ${TYPE}`, "leave to list secrets in all namespaces", async () => {
      const kubernetes = await context.kubernetes();
      const found = await kubernetes.list<KubernetesManifest>(
        { apiVersion: "v1", kind: "Secret" },
        { fieldSelector: `type=${TYPE}` },
      );
      for (const { metadata } of found) {
        const account = metadata.annotations?.["kubernetes.io/service-account.name"] ?? "unknown";
        evidence.violated(
          `Secret ${metadata.namespace}/${metadata.name} holds a token of service account ${account} that does not end`,
        );
      }
      if (found.length === 0) evidence.proved(`no Secret of type ${TYPE} in any namespace`);
    });
    await evidence.look("auth mounts of Vault", "a login and read on sys/auth", async () => {
      const vault = await context.vault();
      const mounts = await trustingMounts(subject, vault);
      await Promise.all(mounts.map((mount) => lookAtMount(evidence, vault, mount)));
    });
    return evidence.finding;
  },
};

interface ReviewerConfig {
  /** Vault shows that there is one, never the token. */
  readonly token_reviewer_jwt_set?: boolean;
  readonly token_reviewer_jwt?: string;
}

async function lookAtMount(evidence: Evidence, vault: VaultClient, mount: TrustingMount): Promise<void> {
  const what = `auth/${mount.path} (${mount.type})`;
  const path = `auth/${mount.path}/config`;
  if (mount.isOthers) {
    evidence.proved(`${what} is not the stack's, and its owner's to prove`);
    return;
  }
  await evidence.look(path, `read on ${path}`, async () => {
    const config = (await vault.read<ReviewerConfig>(path)) ?? {};
    const { token_reviewer_jwt_set: isSet, token_reviewer_jwt: shown = "" } = config;
    if (isSet === true || shown !== "") evidence.violated(`${what} holds a token_reviewer_jwt`);
    else if (mount.type === "kubernetes" && isSet === undefined && Object.keys(config).length > 0)
      evidence.unobservable(`${what}: this Vault does not say whether it holds a token_reviewer_jwt`);
    else evidence.proved(`${what} holds no token_reviewer_jwt`);
  });
}
