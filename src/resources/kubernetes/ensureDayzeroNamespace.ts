import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { KubernetesError } from "../../clients/KubernetesError.ts";
import { DAYZERO_NAMESPACE, STACK_LABEL } from "../../manifests/marks.ts";

/** Makes the namespace of Dayzero's own records, as the stack's, where there is none. */
export async function ensureDayzeroNamespace(client: KubernetesClient, stack: string): Promise<void> {
  const namespace = { apiVersion: "v1", kind: "Namespace", name: DAYZERO_NAMESPACE };
  if ((await client.get(namespace)) !== undefined) return;
  const metadata = { name: DAYZERO_NAMESPACE, labels: { [STACK_LABEL]: stack } };
  await client.create({ apiVersion: "v1", kind: "Namespace", metadata }).catch((error: unknown) => {
    if (!(error instanceof KubernetesError && error.reason === "AlreadyExists")) throw error;
  });
}
