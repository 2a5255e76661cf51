import { ADOPT_ANNOTATION } from "../marks.ts";
import type { Manifest } from "./Manifest.ts";

/** The namespace of Argo CD's own objects. */
export const ARGOCD_NAMESPACE = "argocd";

/** The service account under which the application controller works; also the name of its roles. */
export const CONTROLLER = "argocd-application-controller";

/** Argo CD finds its ConfigMaps by this label. */
export const PART_OF_ARGOCD = { "app.kubernetes.io/part-of": "argocd" } as const;

/** How RBAC names the application controller. */
export const CONTROLLER_SUBJECT = { kind: "ServiceAccount", name: CONTROLLER, namespace: ARGOCD_NAMESPACE } as const;

export function namespace(name: string): Manifest {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

/**
 * The destinations that have to be made: every cluster has `default`. One that is there is taken over, as is needed when the person
 * goes back to a repository whose namespaces were left in place.
 */
export function destinationNamespaces(names: readonly string[]): Manifest[] {
  const annotations = { [ADOPT_ANNOTATION]: "true" };
  return names
    .filter((name) => name !== "default")
    .map((name) => ({ ...namespace(name), metadata: { name, annotations } }));
}

/** The controller's account. Its tokens come from TokenRequest only: nothing mounts or stores one. */
export function controllerServiceAccount(): Manifest {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: CONTROLLER, namespace: ARGOCD_NAMESPACE, labels: PART_OF_ARGOCD },
    automountServiceAccountToken: false,
  };
}
