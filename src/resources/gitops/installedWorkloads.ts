import { setTimeout as delay } from "node:timers/promises";
import type { KubernetesClient, KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { PART_OF_ARGOCD } from "../../manifests/argocd/controllerIdentity.ts";
import { nameOf } from "../kubernetes/awaitReadiness.ts";
import type { Context } from "../Resource.ts";

interface WorkloadStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly updatedReplicas?: number;
}

const LABEL = Object.entries(PART_OF_ARGOCD)
  .map(([name, value]) => `${name}=${value}`)
  .join();
const POLL_MS = 500;
/** Images have to be pulled, and the replicas of the highly available variant start one after another. */
const PATIENCE_MS = 600_000;

/** Argo CD's Deployments and StatefulSets in a namespace, whoever made them. */
export async function installedWorkloads(client: KubernetesClient, namespace: string): Promise<KubernetesManifest[]> {
  const kinds = ["Deployment", "StatefulSet"].map((kind) => ({ apiVersion: "apps/v1", kind, namespace }));
  return (await Promise.all(kinds.map((kind) => client.list(kind, { labelSelector: LABEL })))).flat();
}

/** Those that are not ready, with what is missing. */
export function unreadyOf(workloads: readonly KubernetesManifest[]): string[] {
  return workloads.flatMap((workload) => {
    const status = (workload.status ?? {}) as WorkloadStatus;
    const { replicas: wanted = 1 } = (workload.spec ?? {}) as { replicas?: number };
    const { observedGeneration = 0, readyReplicas = 0, updatedReplicas = 0 } = status;
    if (observedGeneration < (workload.metadata.generation ?? 0)) return [`${nameOf(workload)}: not looked at yet`];
    const ready = Math.min(readyReplicas, updatedReplicas);
    return ready >= wanted ? [] : [`${nameOf(workload)}: ${ready} of ${wanted} replicas ready`];
  });
}

/** Resolves when all are ready; OBJECT_NOT_READY after ten minutes. */
export async function awaitWorkloads(
  client: KubernetesClient,
  namespace: string,
  ctx: Pick<Context, "narrate" | "signal">,
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let said = ""; ; ) {
    const unready = unreadyOf(await installedWorkloads(client, namespace));
    const [first] = unready;
    if (first === undefined) return;
    if (performance.now() > deadline) {
      throw new DayzeroError("OBJECT_NOT_READY", `Argo CD is not ready: ${unready.join("; ")}`, {
        hint: "see the pods' events (kubectl describe); the variant ha needs three nodes",
      });
    }
    const says = `waiting for ${first}${unready.length > 1 ? ` and ${unready.length - 1} more` : ""}`;
    if (says !== said) ctx.narrate(says);
    said = says;
    await delay(POLL_MS, undefined, { signal: ctx.signal });
  }
}
