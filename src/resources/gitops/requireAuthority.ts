import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { AUTHORITIES } from "../../manifests/argocd/installation.ts";

/**
 * What an Argo CD of somebody else verifies the Git server by is theirs to configure; the new Secret says nothing of it, and one that
 * said `insecure` goes. Throws ARGOCD_CA_MISSING unless it knows one of the certificates.
 */
export async function requireAuthority(
  client: KubernetesClient,
  { namespace, url, ca }: { readonly namespace: string; readonly url: string; readonly ca: string },
): Promise<void> {
  const host = new URL(url).hostname;
  const map = await client.get<{ data?: Readonly<Record<string, string>> }>({
    apiVersion: "v1",
    kind: "ConfigMap",
    namespace,
    name: AUTHORITIES,
  });
  const known = new Set(certificatesOf(map?.data?.[host] ?? ""));
  if (certificatesOf(ca).some((certificate) => known.has(certificate))) return;
  throw new DayzeroError(
    "ARGOCD_CA_MISSING",
    `cannot take over Argo CD: it does not know the CA of ${host} that dayzero:repository.ca names`,
    { hint: `add the CA to ConfigMap ${namespace}/${AUTHORITIES} under the key ${host}` },
  );
}

/** Without what differs between two files of the same certificates. */
function certificatesOf(pem: string): string[] {
  const found = pem.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g);
  return [...found].map(([, body = ""]) => body.replaceAll(/\s/g, ""));
}
