import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { oncePerAudit } from "../oncePerAudit.ts";
import { valueSearchOf } from "../search/valueSearchOf.ts";
import type { Place } from "./Place.ts";
import { searchPlaces } from "./searchPlaces.ts";

/** Secrets and ConfigMaps of all namespaces, as the API server reads them from etcd. Rejects where that is not allowed. */
export const searchClusterObjects = oncePerAudit(async (subject) => {
  const kubernetes = await subject.context.kubernetes();
  const lists = await Promise.all(["Secret", "ConfigMap"].map((kind) => kubernetes.list({ apiVersion: "v1", kind })));
  return searchPlaces(lists.flat().map(objectPlace), await valueSearchOf(subject));
});

function objectPlace(object: KubernetesManifest): Place {
  const { namespace, name } = object.metadata;
  return { name: `${object.kind} ${namespace}/${name}`, content: () => [Buffer.from(JSON.stringify(object))] };
}
