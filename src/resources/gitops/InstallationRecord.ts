import type { KubernetesClient, KubernetesManifest, KubernetesReference } from "../../clients/KubernetesClient.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";

/** An object that the stack applies, and a digest of which fields it applied; "" before it did. */
export interface RecordedObject extends KubernetesReference {
  readonly fields: string;
}

/** What a stack installed; it is written before the first object and struck out after the last. Never a credential. */
export interface InstallationRecord {
  readonly version: string;
  readonly variant: string;
  /** Of what was applied to the end; "" while that is under way. */
  readonly digest: string;
  readonly objects: readonly RecordedObject[];
}

const NAME = "dayzero-installation";
const KEY = "record.json";

/** Marks the record, and every object of the installation with the namespace that it is in. */
export const INSTALLATION_LABEL = "dayzero.dev/installation";

interface ConfigMap extends KubernetesManifest {
  readonly data?: Readonly<Record<string, string>>;
}

export async function readRecord(
  client: KubernetesClient,
  { namespace, stack }: { namespace: string; stack: string },
): Promise<InstallationRecord | undefined> {
  const map = await client.get<ConfigMap>({ apiVersion: "v1", kind: "ConfigMap", namespace, name: NAME });
  const text = map?.metadata.labels?.[STACK_LABEL] === stack ? map.data?.[KEY] : undefined;
  return text === undefined ? undefined : (JSON.parse(text) as InstallationRecord);
}

export async function writeRecord(
  client: KubernetesClient,
  { namespace, stack }: { namespace: string; stack: string },
  record: InstallationRecord,
): Promise<void> {
  const labels = { [STACK_LABEL]: stack, [INSTALLATION_LABEL]: namespace };
  const metadata = { name: NAME, namespace, labels };
  await client.apply({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { [KEY]: JSON.stringify(record) } });
}

export async function deleteRecord(client: KubernetesClient, namespace: string): Promise<void> {
  await client.delete({ apiVersion: "v1", kind: "ConfigMap", namespace, name: NAME });
}

/** Namespaces of what the stack installed. */
export async function recordedNamespaces(client: KubernetesClient, stack: string): Promise<string[]> {
  const labelSelector = `${STACK_LABEL}=${stack},${INSTALLATION_LABEL}`;
  const maps = await client.list({ apiVersion: "v1", kind: "ConfigMap" }, { labelSelector });
  return maps.flatMap(({ metadata }) => (metadata.name === NAME ? [metadata.namespace ?? ""] : []));
}
