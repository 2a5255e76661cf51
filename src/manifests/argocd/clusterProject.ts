import { IN_CLUSTER } from "./clusterSecret.ts";
import { ARGOCD_NAMESPACE } from "./controllerIdentity.ts";
import type { Manifest } from "./Manifest.ts";

/**
 * The project of the repository that a whole cluster is reconciled from: that source and no other, this cluster and no other.
 *
 * What it may hold is not narrowed: Argo CD's own installation is to be managed from it too.
 */
export function clusterProject({ name, url }: { readonly name: string; readonly url: string }): Manifest {
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "AppProject",
    metadata: { name, namespace: ARGOCD_NAMESPACE },
    spec: {
      description: `this cluster, from the repository ${name} alone`,
      sourceRepos: [url],
      destinations: [{ server: IN_CLUSTER, namespace: "*" }],
      clusterResourceWhitelist: [{ group: "*", kind: "*" }],
    },
  };
}
