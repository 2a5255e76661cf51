import type { Manifest } from "./Manifest.ts";

/** The namespace of Argo CD's own objects. */
export const ARGOCD_NAMESPACE = "argocd";

/** The service account under which the application controller works; also the name of its roles. */
export const CONTROLLER = "argocd-application-controller";

/** Argo CD finds its ConfigMaps by this label. */
export const PART_OF_ARGOCD = { "app.kubernetes.io/part-of": "argocd" } as const;

/** How RBAC names the application controller. */
export const CONTROLLER_SUBJECT = { kind: "ServiceAccount", name: CONTROLLER, namespace: ARGOCD_NAMESPACE } as const;

/** Namespaces that every cluster has. */
const BUILT_IN = ["default", "kube-node-lease", "kube-public", "kube-system"];

export function namespace(name: string): Manifest {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

/** The destinations that have to be made. */
export function destinationNamespaces(names: readonly string[]): Manifest[] {
  return names.filter((name) => !BUILT_IN.includes(name)).map(namespace);
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
