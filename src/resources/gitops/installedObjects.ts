import { createHash } from "node:crypto";
import {
  type KubernetesClient,
  type KubernetesManifest,
  type KubernetesReference,
  referenceOf,
} from "../../clients/KubernetesClient.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { INSTALLATION_LABEL, type InstallationRecord, type RecordedObject } from "./InstallationRecord.ts";

export interface InstalledAt {
  readonly namespace: string;
  readonly stack: string;
}

/** Of what was recorded: what is missing, or not as it was applied. */
export async function driftOf(
  client: KubernetesClient,
  record: InstallationRecord,
  at: InstalledAt,
): Promise<string[]> {
  const intact = new Set(await intactOf(client, record, at));
  return record.objects.flatMap((recorded) => (intact.has(recorded) ? [] : [`${recorded.kind} ${recorded.name}`]));
}

/** Of what was recorded: what is there, and as it was applied. */
export async function intactOf(
  client: KubernetesClient,
  record: InstallationRecord,
  at: InstalledAt,
): Promise<RecordedObject[]> {
  const objects = await installedObjects(client, record, at);
  const live = new Map(objects.map((object) => [keyOf(object), appliedFields(object)]));
  return record.objects.filter((recorded) => live.get(keyOf(recorded)) === recorded.fields);
}

/** What there is of an installation's kinds that carries its labels. */
export async function installedObjects(
  client: KubernetesClient,
  { objects }: Pick<InstallationRecord, "objects">,
  { namespace, stack }: InstalledAt,
): Promise<KubernetesManifest[]> {
  const labelSelector = `${STACK_LABEL}=${stack},${INSTALLATION_LABEL}=${namespace}`;
  const kinds = new Map(
    objects.map(({ apiVersion, kind, namespace }) => [
      `${apiVersion} ${kind}`,
      { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }) },
    ]),
  );
  const lists = await Promise.all([...kinds.values()].map((kind) => client.list(kind, { labelSelector })));
  const keys = new Set(objects.map(keyOf));
  return lists.flat().filter((object) => keys.has(keyOf(object)));
}

/** An object that was applied, as the record names it. */
export function recordedOf(object: KubernetesManifest): RecordedObject {
  return { ...referenceOf(object), fields: appliedFields(object) };
}

interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly fieldsV1?: object;
}

/**
 * Digest of the fields that are as they were applied; "" when none is. Whoever changes or removes one takes it from the applier's
 * list, so that a look at the list tells what a comparison of all of them would.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
function appliedFields({ metadata }: KubernetesManifest): string {
  const { managedFields = [] } = metadata as { managedFields?: ManagedFields[] };
  const own = managedFields.find(({ manager, operation }) => manager === "dayzero" && operation === "Apply");
  return own === undefined ? "" : createHash("sha256").update(JSON.stringify(own.fieldsV1)).digest("hex");
}

export function keyOf(object: KubernetesManifest | KubernetesReference): string {
  const name = "metadata" in object ? object.metadata.name : object.name;
  return `${object.apiVersion} ${object.kind} ${name}`;
}
