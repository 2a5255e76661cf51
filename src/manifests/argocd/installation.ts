import { isClusterScoped } from "./isClusterScoped.ts";
import type { Manifest } from "./Manifest.ts";

/** Where Argo CD looks for the CA of a Git server: a key for each host, without its port. */
export const AUTHORITIES = "argocd-tls-certs-cm";

/** What Argo CD is told to verify a repository's server by; nothing where the system's roots do. */
export function gitAuthorities({
  source,
  ca,
}: {
  readonly source: string;
  readonly ca?: string;
}): Record<string, string> {
  return ca === undefined ? {} : { [new URL(source).hostname]: ca };
}

/**
 * The objects of a release manifest, put into a namespace; `authorities` (PEM by host) are the CAs that Git servers are verified by.
 *
 * The release leaves the namespace of what it installs open, but not that of who its cluster-wide roles are bound to.
 * Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/installation/
 */
export function installation(
  release: readonly Manifest[],
  { namespace, authorities }: { readonly namespace: string; readonly authorities: Readonly<Record<string, string>> },
): Manifest[] {
  return release.map((object) => {
    const group = object.apiVersion.includes("/") ? (object.apiVersion.split("/")[0] ?? "") : "";
    const placed = isClusterScoped({ group, kind: object.kind })
      ? object
      : { ...object, metadata: { ...object.metadata, namespace } };
    if (object.kind === "ClusterRoleBinding") {
      const subjects = (object.subjects as object[]).map((subject) => ({ ...subject, namespace }));
      return { ...placed, subjects };
    }
    const isAuthorities = object.kind === "ConfigMap" && object.metadata.name === AUTHORITIES;
    return isAuthorities && Object.keys(authorities).length > 0 ? { ...placed, data: { ...authorities } } : placed;
  });
}
