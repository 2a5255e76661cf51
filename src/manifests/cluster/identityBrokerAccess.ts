/** User name of the identity broker, as its client certificate says it. */
const IDENTITY_BROKER_USER = "dayzero:identity-broker";

const RBAC = { apiVersion: "rbac.authorization.k8s.io/v1" } as const;

/** Lets the identity broker ask for tokens of these service accounts of one namespace, and for nothing else. */
export function identityBrokerAccess(namespace: string, serviceAccounts: readonly string[]) {
  const metadata = { name: "dayzero-identity-broker", namespace };
  return {
    role: {
      ...RBAC,
      kind: "Role",
      metadata,
      rules: [
        {
          apiGroups: [""],
          resources: ["serviceaccounts/token"],
          resourceNames: [...serviceAccounts],
          verbs: ["create"],
        },
      ],
    },
    roleBinding: {
      ...RBAC,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: IDENTITY_BROKER_USER }],
    },
  };
}
