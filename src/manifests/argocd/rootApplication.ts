import { AWAIT_REVISION_ANNOTATION } from "../marks.ts";
import { IN_CLUSTER } from "./clusterSecret.ts";
import { ARGOCD_NAMESPACE } from "./controllerIdentity.ts";
import type { Manifest } from "./Manifest.ts";

/** Name of the Application through which the repository is reconciled. */
export const ROOT_APPLICATION = "root";

export const rootApplicationReference = {
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Application",
  namespace: ARGOCD_NAMESPACE,
  name: ROOT_APPLICATION,
} as const;

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
  /** The commit at which it has to be Synced and Healthy; absent where only the controller knows what the branch holds. */
  readonly revision?: string;
  /** For manifests without a namespace; absent when the repository has none, so that such a manifest is refused. */
  readonly defaultNamespace?: string;
}): Manifest {
  const { project, url, path, branch, revision, defaultNamespace } = options;
  const { apiVersion, kind, namespace, name } = rootApplicationReference;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace,
      ...(revision === undefined ? {} : { annotations: { [AWAIT_REVISION_ANNOTATION]: revision } }),
    },
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
