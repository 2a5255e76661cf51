import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import { type AuthMount, authMounts } from "./authMounts.ts";

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

  async look({ context }) {
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
    const vault = await evidence.look("auth mounts of Vault", "a login and read on sys/auth", async () => {
      const client = await context.vault();
      return { client, mounts: await authMounts(client) };
    });
    const reviewing = (vault?.mounts ?? []).filter(({ type }) => type === "kubernetes" || type === "jwt");
    await Promise.all(
      reviewing.map(async (mount) => {
        const path = `auth/${mount.path}/config`;
        const config = await evidence.look(`${path} of Vault`, `read on ${path}`, async () =>
          vault?.client.read<ReviewerConfig>(path),
        );
        if (config !== undefined) judge(evidence, mount, config);
      }),
    );
    return evidence.finding;
  },
};

interface ReviewerConfig {
  /** Vault shows that there is one, never the token. */
  readonly token_reviewer_jwt_set?: boolean;
  readonly token_reviewer_jwt?: string;
}

function judge(evidence: Evidence, { path, type }: AuthMount, config: ReviewerConfig): void {
  const { token_reviewer_jwt_set: isSet = false, token_reviewer_jwt: shown = "" } = config;
  if (isSet || shown !== "") evidence.violated(`auth/${path} (${type}) holds a token_reviewer_jwt`);
  else evidence.proved(`auth/${path} (${type}) holds no token_reviewer_jwt`);
}
