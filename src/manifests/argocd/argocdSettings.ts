import { ARGOCD_NAMESPACE, PART_OF_ARGOCD } from "./controllerIdentity.ts";
import type { Manifest } from "./Manifest.ts";
import { storedHealth } from "./storedHealth.ts";

/**
 * Argo CD's settings, as far as the application controller reads them.
 *
 * - Tracking is by annotation: a label would be shared with other tools and cut at 63 characters.
 * - RBAC is respected strictly: kinds that the controller may not list are not watched, and a manifest of such a kind is
 *   refused by the project with its name. `resource.inclusions` would drop it with a warning and call the rest Synced.
 * - There is no argocd-secret: nothing here signs sessions. Its price is that Argo CD takes changed settings only at its
 *   start (and logs a warning when another Secret changes), so the process restarts when these change.
 */
export function argocdSettings({ kubelet }: { readonly kubelet: boolean }): Manifest {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "argocd-cm", namespace: ARGOCD_NAMESPACE, labels: PART_OF_ARGOCD },
    data: {
      "admin.enabled": "false",
      "application.resourceTrackingMethod": "annotation",
      "resource.respectRBAC": "strict",
      ...(kubelet ? {} : storedHealth()),
    },
  };
}
