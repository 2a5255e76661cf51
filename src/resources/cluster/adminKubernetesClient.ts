import { readFile } from "node:fs/promises";
import { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { exists } from "../../machine/exists.ts";
import { mintClientCertificate } from "../../machine/mintClientCertificate.ts";
import { serverUrl } from "../../machine/readPorts.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";

/**
 * The stack's own API server as its administrator: by a client certificate that is minted here, in memory, for ten minutes at most.
 *
 * Nothing is asked of the server yet. Throws CLUSTER_ABSENT when the stack has no cluster, and its data neither; CLUSTER_INCOMPLETE
 * when only what leads to it is missing.
 */
export async function adminKubernetesClient(layout: StackLayout): Promise<KubernetesClient> {
  const [ca, server] = await Promise.all([
    readFile(layout.pki("kubernetes", "ca.crt"), "utf8"),
    serverUrl(layout, "kube-apiserver"),
  ]).catch(async (cause: unknown) => {
    throw await missing(layout, cause);
  });
  return new KubernetesClient({
    server,
    ca,
    credential: () => mintClientCertificate(layout.directory, "administrator"),
  });
}

async function missing(layout: StackLayout, cause: unknown): Promise<DayzeroError> {
  const data = layout.data("etcd");
  if (!(await exists(data))) {
    return new DayzeroError("CLUSTER_ABSENT", `stack folder ${layout.directory} holds no cluster`, {
      cause,
      hint: "run `dayzero up`, which makes it",
    });
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new DayzeroError("CLUSTER_INCOMPLETE", `cannot reach the cluster whose data is in ${data}: ${why}`, {
    cause,
    hint: "put the missing file back, or run `dayzero up`, which makes it anew",
  });
}
