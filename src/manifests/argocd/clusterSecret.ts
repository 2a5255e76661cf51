import { NO_CREDENTIAL_ANNOTATION } from "../marks.ts";
import { ARGOCD_NAMESPACE } from "./controllerIdentity.ts";
import type { Manifest } from "./Manifest.ts";
import { namespacedKinds, type RepositoryNeeds } from "./repositoryNeeds.ts";

/** Argo CD's name for the cluster that it runs for. */
export const IN_CLUSTER = "https://kubernetes.default.svc";

export const clusterSecretMetadata = {
  name: "cluster-in-cluster",
  namespace: ARGOCD_NAMESPACE,
  labels: { "argocd.argoproj.io/secret-type": "cluster" },
  annotations: { [NO_CREDENTIAL_ANNOTATION]: "true" },
} as const;

/**
 * Limits Argo CD to the destination namespaces; it would watch the whole cluster otherwise. Holds no credential.
 *
 * Argo CD looks again at what it may list only when `config` or `namespaces` change, so the kinds are written into a text
 * that nothing else reads: a kind that is granted later is then watched at once. Apply it after the roles.
 */
export function clusterSecret(needs: RepositoryNeeds): Manifest {
  const granted = [...namespacedKinds(needs), ...needs.cluster].map(({ group, kind }) => `${group}/${kind}`);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: clusterSecretMetadata,
    type: "Opaque",
    data: {
      name: base64("in-cluster"),
      server: base64(IN_CLUSTER),
      namespaces: base64(needs.namespaces.join(",")),
      clusterResources: base64(String(needs.cluster.length > 0)),
      config: base64(JSON.stringify({ execProviderConfig: { installHint: `granted: ${granted.join(" ")}` } })),
    },
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
