import { setTimeout as delay } from "node:timers/promises";
import type { KubernetesClient, KubernetesManifest } from "../../src/clients/KubernetesClient.ts";

/**
 * Says of every Deployment and StatefulSet that it runs, as a kubelet and the workload controllers would once it did: a stand-in, since
 * the API server of a test has neither. Resolves when the signal ends it.
 */
export async function standInForKubelet(client: KubernetesClient, signal: AbortSignal): Promise<void> {
  process.stderr.write("stand-in: the status of Deployments and StatefulSets is written by the test, no pod runs\n");
  while (!signal.aborted) {
    for (const kind of ["Deployment", "StatefulSet"]) {
      const workloads = await client.list({ apiVersion: "apps/v1", kind }).catch(() => []);
      await Promise.all(workloads.map((workload) => sayReady(client, workload).catch(() => undefined)));
    }
    await delay(300, undefined, { signal }).catch(() => undefined);
  }
}

async function sayReady(client: KubernetesClient, workload: KubernetesManifest): Promise<void> {
  const { name, namespace, generation } = workload.metadata;
  const { observedGeneration } = (workload.status ?? {}) as { observedGeneration?: number };
  if (observedGeneration === generation) return;
  const { replicas = 1 } = (workload.spec ?? {}) as { replicas?: number };
  const counts = { replicas, readyReplicas: replicas, updatedReplicas: replicas, availableReplicas: replicas };
  const conditions = [{ type: "Available", status: "True", reason: "StandIn", message: "no pod runs" }];
  const status = { observedGeneration: generation, ...counts, conditions };
  const path = `/apis/apps/v1/namespaces/${namespace}/${workload.kind.toLowerCase()}s/${name}/status`;
  await client.request("PATCH", path, { body: { status }, contentType: "application/merge-patch+json" });
}
