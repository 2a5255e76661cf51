import type { KubernetesClient, KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { CONTROLLER } from "../../manifests/argocd/controllerIdentity.ts";

/** `<application>:<group>/<kind>:<namespace>/<name>`; an application of another namespace is `<namespace>_<application>`. */
const TRACKING_ANNOTATION = "argocd.argoproj.io/tracking-id";
/** What Argo CD tracks by where it is told to use labels; other tools write it too. */
const TRACKING_LABEL = "app.kubernetes.io/instance";

/**
 * Name of the Application that reconciles Argo CD itself, by what it wrote on the application controller; "" when none does.
 * One in another namespace has that in front: `<namespace>/<name>`.
 *
 * Source: https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
 */
export async function trackingApplication(
  client: KubernetesClient,
  { namespace, workloads }: { namespace: string; workloads: readonly KubernetesManifest[] },
): Promise<string> {
  const { annotations, labels } = workloads.find(({ metadata }) => metadata.name === CONTROLLER)?.metadata ?? {};
  const tracked = (annotations?.[TRACKING_ANNOTATION]?.split(":")[0] ?? labels?.[TRACKING_LABEL] ?? "").replace(
    "_",
    "/",
  );
  if (tracked === "") return "";
  const [name = "", home = namespace] = tracked.split("/").reverse();
  const reference = { apiVersion: "argoproj.io/v1alpha1", kind: "Application", namespace: home, name };
  return (await client.get(reference)) === undefined ? "" : tracked;
}
