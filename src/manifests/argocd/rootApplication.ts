import { IN_CLUSTER } from "./clusterSecret.ts";
import { ARGOCD_NAMESPACE } from "./controllerIdentity.ts";
import type { Manifest } from "./Manifest.ts";

/** The commit at which the Application has to be Synced and Healthy before it counts as ready. */
const AWAIT_REVISION = "dayzero.dev/await-revision";

/** Name of the Application through which the repository is reconciled. */
export const ROOT_APPLICATION = "root";

/**
 * Reconciles `path` of `branch`, heals drift and prunes what the repository no longer holds.
 *
 * Prune safety: an empty result never prunes everything (that is Argo CD's default; it strips a written `allowEmpty: false`), pruning comes last, and there is no
 * finalizer, so deleting the Application leaves what it deployed in place.
 */
export function rootApplication(options: {
  readonly project: string;
  readonly url: string;
  readonly path: string;
  readonly branch: string;
  readonly revision: string;
  /** For manifests without a namespace; absent when the repository has none, so that such a manifest is refused. */
  readonly defaultNamespace?: string;
}): Manifest {
  const { project, url, path, branch, revision, defaultNamespace } = options;
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: ROOT_APPLICATION, namespace: ARGOCD_NAMESPACE, annotations: { [AWAIT_REVISION]: revision } },
    spec: {
      project,
      source: { repoURL: url, path, targetRevision: branch },
      destination: {
        server: IN_CLUSTER,
        ...(defaultNamespace === undefined ? {} : { namespace: defaultNamespace }),
      },
      syncPolicy: {
        automated: { prune: true, selfHeal: true },
        syncOptions: ["PruneLast=true"],
        retry: { limit: -1, refresh: true, backoff: { duration: "1s", factor: 2, maxDuration: "10s" } },
      },
    },
  };
}
