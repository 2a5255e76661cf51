import type { KubernetesClient, KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { referenceOf } from "../../clients/KubernetesClient.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { deleteAndWait } from "../kubernetes/deleteAndWait.ts";
import type { Context } from "../Resource.ts";
import { INSTALLATION_LABEL } from "./InstallationRecord.ts";
import { DRAWN_SECRETS } from "./installedCredentials.ts";

const DEFINITION = "CustomResourceDefinition";

/** What runs goes first, the definitions last; one that others still have objects of is let go. */
export async function removeObjects(
  client: KubernetesClient,
  objects: readonly KubernetesManifest[],
  ctx: Context,
): Promise<void> {
  const turnOf = ({ kind }: KubernetesManifest) =>
    kind === DEFINITION ? 2 : ["Deployment", "StatefulSet"].includes(kind) ? 0 : 1;
  for (const turn of [0, 1, 2]) {
    await Promise.all(
      objects
        .filter((object) => turnOf(object) === turn)
        .map(async (object) => {
          if (turn === 2 && (await isUsedByOthers(client, object, ctx.stack))) return release(client, object);
          await deleteAndWait(client, referenceOf(object), { ctx, uid: object.metadata.uid });
        }),
    );
  }
}

/** What Argo CD has drawn for itself; the release says nothing of it. */
export async function removeSecrets(client: KubernetesClient, namespace: string, ctx: Context): Promise<void> {
  for (const name of DRAWN_SECRETS) {
    await deleteAndWait(client, { apiVersion: "v1", kind: "Secret", namespace, name }, { ctx, uid: undefined });
  }
}

async function isUsedByOthers(
  client: KubernetesClient,
  definition: KubernetesManifest,
  stack: string,
): Promise<boolean> {
  const { group, names, versions } = definition.spec as {
    group: string;
    names: { kind: string };
    versions: { name: string; storage: boolean }[];
  };
  const version = versions.find(({ storage }) => storage)?.name ?? "";
  const objects = await client.list({ apiVersion: `${group}/${version}`, kind: names.kind });
  return objects.some(
    ({ metadata }) => metadata.labels?.[STACK_LABEL] !== stack && !isDefaultProject(names.kind, metadata),
  );
}

/** The project that Argo CD makes for itself. */
function isDefaultProject(kind: string, { name }: { name: string }): boolean {
  return kind === "AppProject" && name === "default";
}

/** Takes the stack's marks off. */
export async function release(client: KubernetesClient, object: KubernetesManifest): Promise<void> {
  const labels = { [STACK_LABEL]: null, [INSTALLATION_LABEL]: null };
  await client.mergePatch(referenceOf(object), { metadata: { uid: object.metadata.uid, labels } });
}
