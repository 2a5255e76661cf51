import { DAYZERO_NAMESPACE } from "./marks.ts";
import { repositorySecretName } from "./repositorySecret.ts";
import { roleWithBinding } from "./roleWithBinding.ts";
import { GIT_READER } from "./vault/trustNames.ts";

/** The Git reader of a stack in a cluster that other stacks may use as well. */
export function gitReaderAccount(stack: string): { readonly namespace: string; readonly name: string } {
  return { namespace: DAYZERO_NAMESPACE, name: `${GIT_READER.role}-${stack}` };
}

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
  const rule = (group: string, resources: string, name: string, write: string) => ({
    apiGroups: [group],
    resources: [resources],
    resourceNames: [name],
    verbs: ["get", write],
  });
  return roleWithBinding(
    { name: `dayzero-git-reader-${repository}`, namespace },
    [
      rule("", "secrets", repositorySecretName(repository), "update"),
      ...(application === undefined ? [] : [rule("argoproj.io", "applications", application, "patch")]),
    ],
    { kind: "ServiceAccount", ...serviceAccount },
  );
}
