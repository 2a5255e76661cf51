import { ARGOCD_NAMESPACE, CONTROLLER, CONTROLLER_SUBJECT, PART_OF_ARGOCD } from "./controllerIdentity.ts";
import type { Manifest } from "./Manifest.ts";

/**
 * What the application controller may do in Argo CD's own namespace: read its settings and its repository and cluster
 * Secrets, keep the status of Applications and projects, and say what it did. Argo CD's core-install binds cluster-admin
 * and may also write ApplicationSets and delete Applications; neither is needed for what Dayzero declares.
 */
export function controllerRole(): Manifest {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: CONTROLLER, namespace: ARGOCD_NAMESPACE, labels: PART_OF_ARGOCD },
    rules: [
      { apiGroups: [""], resources: ["configmaps", "secrets"], verbs: ["get", "list", "watch"] },
      { apiGroups: ["argoproj.io"], resources: ["applications"], verbs: ["get", "list", "watch", "update", "patch"] },
      { apiGroups: ["argoproj.io"], resources: ["appprojects"], verbs: ["get", "list", "watch"] },
      { apiGroups: [""], resources: ["events"], verbs: ["create"] },
    ],
  };
}

export function controllerRoleBinding(): Manifest {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: CONTROLLER, namespace: ARGOCD_NAMESPACE, labels: PART_OF_ARGOCD },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: CONTROLLER },
    subjects: [CONTROLLER_SUBJECT],
  };
}
