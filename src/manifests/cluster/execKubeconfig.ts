/**
 * A kubeconfig that holds no credential: its `exec` asks `dayzero credential ...` for one whenever one is needed.
 *
 * `identity` is what is asked for: `["admin"]`, `["token", "argocd/argocd-application-controller"]`...
 * `command` is an absolute path: clients resolve a relative one against different folders.
 */
export function execKubeconfig(options: {
  server: string;
  /** PEM. */
  ca: string;
  command: string;
  directory: string;
  identity: readonly string[];
}): string {
  const { server, ca, command, directory, identity } = options;
  const name = "dayzero";
  return JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name, cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
      users: [
        {
          name,
          user: {
            exec: {
              apiVersion: "client.authentication.k8s.io/v1",
              command,
              args: ["credential", ...identity, "--directory", directory],
              interactiveMode: "Never",
              provideClusterInfo: false,
            },
          },
        },
      ],
      contexts: [{ name, context: { cluster: name, user: name } }],
      "current-context": name,
    },
    null,
    2,
  );
}
