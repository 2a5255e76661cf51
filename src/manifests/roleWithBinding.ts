import type { Manifest } from "./argocd/Manifest.ts";

const RBAC = { apiVersion: "rbac.authorization.k8s.io/v1" } as const;

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  readonly verbs: readonly string[];
}

/** A Role for things known by name, and the one who has it. */
export function roleWithBinding(
  metadata: { readonly name: string; readonly namespace: string },
  rules: readonly Rule[],
  subject: Readonly<Record<string, string>>,
): { role: Manifest; roleBinding: Manifest } {
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name };
  return {
    role: { ...RBAC, kind: "Role", metadata, rules },
    roleBinding: { ...RBAC, kind: "RoleBinding", metadata, roleRef, subjects: [subject] },
  };
}
