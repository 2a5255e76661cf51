import { IN_CLUSTER } from "./clusterSecret.ts";
import { ARGOCD_NAMESPACE } from "./controllerIdentity.ts";
import type { Manifest } from "./Manifest.ts";
import { namespacedKinds, type RepositoryNeeds } from "./repositoryNeeds.ts";

/**
 * The project of one repository: that source, these destinations, these kinds.
 *
 * The empty destination permits an Application that names no namespace of its own; it matches no other.
 */
export function appProject(options: {
  readonly name: string;
  readonly url: string;
  readonly needs: RepositoryNeeds;
}): Manifest {
  const { name, url, needs } = options;
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: { name, namespace: ARGOCD_NAMESPACE },
    spec: {
      description: `what the repository ${name} holds, and nothing beyond`,
      sourceRepos: [url],
      destinations: ["", ...needs.namespaces].map((namespace) => ({ server: IN_CLUSTER, namespace })),
      clusterResourceWhitelist: needs.cluster,
      namespaceResourceWhitelist: namespacedKinds(needs),
    },
  };
}
