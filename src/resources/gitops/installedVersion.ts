import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { CONTROLLER } from "../../manifests/argocd/controllerIdentity.ts";

/** From the image of the application controller. */
export function installedVersion(workloads: readonly KubernetesManifest[]): string | undefined {
  const controller = workloads.find(({ metadata }) => metadata.name === CONTROLLER);
  const { template } = (controller?.spec ?? {}) as { template?: { spec: { containers: { image?: string }[] } } };
  const tags = template?.spec.containers.map(({ image }) => /:v?(\d+\.\d+\.\d+[^@]*)/.exec(image ?? "")?.[1]) ?? [];
  return tags.find((tag) => tag !== undefined);
}

/** Throws ARGOCD_DOWNGRADE. */
export function refuseDowngrade(running: string, released: string): void {
  const [now, next] = [running, released].map((version) => version.split(/[.-]/).slice(0, 3).map(Number));
  const older = [0, 1, 2]
    .map((part) => (next?.[part] ?? 0) - (now?.[part] ?? 0))
    .find((difference) => difference !== 0);
  if (older === undefined || !(older < 0)) return;
  throw new DayzeroError("ARGOCD_DOWNGRADE", `cannot replace Argo CD ${running} by ${released}: it does not go back`, {
    hint: "use a Dayzero that pins this release or a later one, or let an Application manage Argo CD from Git",
  });
}
