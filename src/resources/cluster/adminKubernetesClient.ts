import { readFile } from "node:fs/promises";
import { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { mintClientCertificate } from "../../machine/mintClientCertificate.ts";
import { serverUrl } from "../../machine/readPorts.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";

/**
 * The stack's own API server as its administrator: by a client certificate that is minted here, in memory, for ten minutes at most.
 *
 * Nothing is asked of the server yet. Throws when the stack has no authority or no ports.
 */
export async function adminKubernetesClient(layout: StackLayout): Promise<KubernetesClient> {
  const [ca, server] = await Promise.all([
    readFile(layout.pki("kubernetes", "ca.crt"), "utf8"),
    serverUrl(layout, "kube-apiserver"),
  ]);
  return new KubernetesClient({
    server,
    ca,
    credential: () => mintClientCertificate(layout.directory, "administrator"),
  });
}
