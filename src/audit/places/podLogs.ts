import type { KubernetesClient, KubernetesManifest } from "../../clients/KubernetesClient.ts";
import type { Place } from "./Place.ts";

/** Of each container, the end. */
const MOST_BYTES = 16 << 20;

interface Pod extends KubernetesManifest {
  readonly spec: { readonly containers: readonly { readonly name: string }[] };
}

/** What the containers of some namespaces have written, as far as their nodes keep it. Source: Kubernetes API, Pod, read log. */
export async function podLogs(kubernetes: KubernetesClient, namespaces: readonly string[]): Promise<Place[]> {
  const lists = await Promise.all(
    namespaces.map((namespace) => kubernetes.list<Pod>({ apiVersion: "v1", kind: "Pod", namespace })),
  );
  return lists.flat().flatMap(({ metadata: { namespace = "", name: pod }, spec: { containers } }) =>
    containers.map(({ name: container }) => ({
      name: `log of container ${container} in pod ${namespace}/${pod}`,
      content: () => logOf(kubernetes, { namespace, pod, container }),
    })),
  );
}

async function* logOf(
  kubernetes: KubernetesClient,
  { namespace, pod, container }: Readonly<Record<"namespace" | "pod" | "container", string>>,
): AsyncGenerator<Uint8Array> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log`;
  const query = { container, limitBytes: String(MOST_BYTES) };
  const log = await kubernetes.request<unknown>("GET", path, { query });
  // A log of one line that is JSON comes parsed.
  yield Buffer.from(typeof log === "string" ? log : JSON.stringify(log));
}
