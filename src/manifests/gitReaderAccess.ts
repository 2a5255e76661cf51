import { repositorySecretName } from "./repositorySecret.ts";

const RBAC = { apiVersion: "rbac.authorization.k8s.io/v1" } as const;

/**
 * Lets the Git reader renew one Secret and, where it is told of pushes, refresh one Application. It may not create Secrets, which cannot be restricted by name:
 * the first one is made by `up`.
 */
export function gitReaderAccess(options: {
  readonly namespace: string;
  readonly repository: string;
  readonly application?: string;
  readonly serviceAccount: { readonly namespace: string; readonly name: string };
}) {
  const { namespace, repository, application, serviceAccount } = options;
  const metadata = { name: `dayzero-git-reader-${repository}`, namespace };
  return {
    role: {
      ...RBAC,
      kind: "Role",
      metadata,
      rules: [
        {
          apiGroups: [""],
          resources: ["secrets"],
          resourceNames: [repositorySecretName(repository)],
          verbs: ["get", "update"],
        },
        ...(application === undefined
          ? []
          : [
              {
                apiGroups: ["argoproj.io"],
                resources: ["applications"],
                resourceNames: [application],
                verbs: ["get", "patch"],
              },
            ]),
      ],
    },
    roleBinding: {
      ...RBAC,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name },
      subjects: [{ kind: "ServiceAccount", ...serviceAccount }],
    },
  };
}
