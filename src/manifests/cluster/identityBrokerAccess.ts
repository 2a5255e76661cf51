import { roleWithBinding } from "../roleWithBinding.ts";

/** The identity broker, as its client certificate says it. */
export const IDENTITY_BROKER = { apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "dayzero:identity-broker" };

/** Lets the identity broker ask for tokens of these service accounts of one namespace, and for nothing else. */
export function identityBrokerAccess(namespace: string, serviceAccounts: readonly string[]) {
  return roleWithBinding(
    { name: "dayzero-identity-broker", namespace },
    [{ apiGroups: [""], resources: ["serviceaccounts/token"], resourceNames: serviceAccounts, verbs: ["create"] }],
    IDENTITY_BROKER,
  );
}
