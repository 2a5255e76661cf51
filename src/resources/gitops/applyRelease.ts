import type { KubernetesClient, KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { awaitReadiness } from "../kubernetes/awaitReadiness.ts";
import type { Context } from "../Resource.ts";
import { INSTALLATION_LABEL, type InstallationRecord, readRecord, writeRecord } from "./InstallationRecord.ts";
import type { InstallationInputs } from "./InstallationResource.ts";
import { installedObjects, intactOf, keyOf, recordedOf } from "./installedObjects.ts";
import { readReleaseManifest } from "./ReleaseManifest.ts";
import { removeObjects } from "./removeInstallation.ts";

/**
 * Applies what is not as the release has it, and removes what only the one before had. Returns the record for when all of it runs;
 * until then the one that is written says that it is under way.
 */
export async function applyRelease(
  client: KubernetesClient,
  desired: InstallationInputs,
  ctx: Context,
): Promise<InstallationRecord> {
  const { namespace, variant } = desired;
  const at = { namespace, stack: ctx.stack };
  const known = await readRecord(client, at);
  const { version, digest, objects } = await readReleaseManifest(desired, ctx);
  const labels = { [STACK_LABEL]: ctx.stack, [INSTALLATION_LABEL]: namespace };
  const marked = (await objects()).map((object) => ({
    ...object,
    metadata: { ...object.metadata, labels: { ...object.metadata.labels, ...labels } },
  }));
  const wanted = marked.map(recordedOf);
  const keys = new Set(wanted.map(keyOf));
  const dropped = (known?.objects ?? []).filter((object) => !keys.has(keyOf(object)));
  await writeRecord(client, at, { version, variant, digest: "", objects: [...wanted, ...dropped] });

  const intact = known?.digest === digest ? await intactOf(client, known, at) : [];
  const kept = new Set(intact.map(keyOf));
  const isDefinition = ({ kind }: { kind: string }) => kind === "CustomResourceDefinition";
  const { narrate, signal } = ctx;
  const changed = marked.filter((object) => !kept.has(keyOf(object)));
  const definitions = await Promise.all(
    changed
      .filter(isDefinition)
      .map(async (object) => awaitReadiness(await client.apply(object), { client, narrate, signal })),
  );
  const others = changed.filter((object) => !isDefinition(object));
  const rest = await Promise.all(others.map((object) => client.apply<KubernetesManifest>(object)));
  await removeObjects(client, await installedObjects(client, { objects: dropped }, at), ctx);
  return { version, variant, digest, objects: [...intact, ...[...definitions, ...rest].map(recordedOf)] };
}
