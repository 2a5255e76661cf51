import { z } from "zod";
import {
  type KubernetesClient,
  type KubernetesManifest,
  type KubernetesReference,
  referenceOf,
} from "../../clients/KubernetesClient.ts";
import { KubernetesError } from "../../clients/KubernetesError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { ADOPT_ANNOTATION, LAST_APPLIED_ANNOTATION, PROTECT_ANNOTATION, STACK_LABEL } from "../../manifests/marks.ts";
import { objectIdentity } from "../identity.ts";
import type { Change, Context, Stay } from "../Resource.ts";
import { awaitReadiness, nameOf } from "./awaitReadiness.ts";
import { compareObjects } from "./compareObjects.ts";
import { deleteAndWait } from "./deleteAndWait.ts";
import { inventoryOf } from "./KubernetesInventory.ts";
import { groupKind, readinessOf } from "./readiness.ts";

/** An object as found, and what the server says applying the desired one would make of it. */
export interface LiveObject {
  readonly object: KubernetesManifest;
  /** Absent when nothing was compared. */
  readonly comparison?: readonly Change[];
}

interface HandlerOptions<Type extends string> {
  /** Tells this cluster's objects from another one's. */
  readonly type: Type;
  /** The cluster that the objects are in. */
  readonly connect: (ctx: Context) => Promise<KubernetesClient>;
}

const stringMap = z.record(z.string(), z.string());

/** A manifest, as far as every kind has the same. */
export const manifestSchema = z.looseObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata: z.looseObject({
    name: z.string().min(1),
    namespace: z.string().min(1).optional(),
    labels: stringMap.optional(),
    annotations: stringMap.optional(),
  }),
});

/** All that a plan has to know to find the object; the rest of the metadata may come later. */
const identity = manifestSchema.shape.metadata.pick({ name: true, namespace: true });

/**
 * Any Kubernetes object, by server-side apply under the field manager `dayzero`.
 *
 * It is planned by the server: what a dry run of the apply answers is compared with what is live. Made and changed objects carry
 * the stack's label and stand in its inventory; one that is not marked as the stack's is refused unless the desired object
 * asks for it with an annotation. It is done with when the object's own conditions say that it is ready.
 *
 * Its identity is `<group>/<Kind>/<namespace>/<name>`: another version of an API is the same object.
 */
export class KubernetesHandler<Type extends string> {
  readonly type: Type;
  readonly inputs = manifestSchema as unknown as z.ZodType<KubernetesManifest>;
  readonly id = objectIdentity;
  readonly #connect: (ctx: Context) => Promise<KubernetesClient>;

  constructor(options: HandlerOptions<Type>) {
    this.type = options.type;
    this.#connect = options.connect;
  }

  /** Throws when there is no name: a plan may not know the metadata yet. */
  identify(desired: KubernetesManifest): string {
    const { name, namespace } = identity.parse(desired.metadata);
    return `${groupKind(desired)}/${namespace ?? ""}/${name}`;
  }

  async read(id: string, ctx: Context, desired?: KubernetesManifest): Promise<LiveObject | undefined> {
    const client = await this.#connect(ctx);
    const ref = desired === undefined ? await referenceById(client, id) : referenceOf(desired);
    if (ref === undefined) return undefined;
    if (desired !== undefined) await requireNamespace(client, desired);
    const object = await client.get(ref);
    if (object === undefined || desired === undefined) return object && { object };
    assertOwn(object, desired, ctx.stack);
    return { object, comparison: await compare(client, { live: object, desired, stack: ctx.stack }) };
  }

  plan(live: LiveObject | undefined): Change[] {
    return live === undefined ? [{ action: "create", path: "" }] : [...(live.comparison ?? [])];
  }

  async apply(changes: readonly Change[], desired: KubernetesManifest, ctx: Context): Promise<LiveObject> {
    const client = await this.#connect(ctx);
    if (changes.some(({ action }) => action === "replace")) {
      await deleteAndWait(client, referenceOf(desired), { ctx, uid: undefined });
    }
    const onlyWaits = changes.every(({ path }) => path === READINESS_PATH);
    const waiting = onlyWaits ? await client.get(referenceOf(desired)) : undefined;
    const object = waiting ?? (await this.#write(client, desired, ctx.stack));
    const { narrate, signal } = ctx;
    return { object: await awaitReadiness(object, { client, narrate, signal }) };
  }

  /**
   * What a program sees: the object, without what a Secret holds. `kubectl apply` writes all that it applied into an annotation too,
   * and of a Secret any other may be a copy as well.
   */
  outputs({ object }: LiveObject): object {
    const {
      managedFields: _,
      annotations,
      ...metadata
    } = object.metadata as KubernetesManifest["metadata"] & {
      managedFields?: unknown;
    };
    const { data, stringData, ...rest } = object;
    if (object.kind === "Secret") return { ...rest, metadata };
    const { [LAST_APPLIED_ANNOTATION]: applied, ...others } = annotations ?? {};
    return { ...object, metadata: Object.keys(others).length === 0 ? metadata : { ...metadata, annotations: others } };
  }

  /** The object with the mark by which {@link isProtected} knows it. */
  protected(desired: KubernetesManifest): KubernetesManifest {
    const annotations = { ...desired.metadata.annotations, [PROTECT_ANNOTATION]: "true" };
    return { ...desired, metadata: { ...desired.metadata, annotations } };
  }

  async isProtected(id: string, ctx: Context): Promise<boolean> {
    const object = await findOwn(await this.#connect(ctx), { id, stack: ctx.stack });
    return object?.metadata.annotations?.[PROTECT_ANNOTATION] === "true";
  }

  /** Enters what the program registered: an inventory that was lost is whole again. */
  async settle(registered: ReadonlySet<string>, ctx: Context): Promise<void> {
    if (registered.size === 0) return;
    const inventory = inventoryOf(await this.#connect(ctx), ctx.stack);
    const known = new Set(await inventory.list());
    if ([...registered].some((id) => !known.has(id))) await inventory.add(registered);
  }

  async owned(stack: string, ctx: Context): Promise<string[]> {
    const client = await this.#connect(ctx);
    const listed = await inventoryOf(client, stack).list();
    const found = await Promise.all(
      listed.map(async (id) => ((await findOwn(client, { id, stack })) === undefined ? [] : [id])),
    );
    return found.flat();
  }

  /** A namespace goes with all that is in it, whoever made that: it is never deleted. */
  async stays(id: string): Promise<Stay | undefined> {
    if (!id.startsWith(NAMESPACES)) return undefined;
    const name = id.slice(NAMESPACES.length);
    const note = `left namespace ${name} in place: delete it with kubectl once nothing in it is needed`;
    return { as: "released", note };
  }

  async remove(id: string, ctx: Context): Promise<void> {
    const client = await this.#connect(ctx);
    const object = await findOwn(client, { id, stack: ctx.stack });
    if (object !== undefined && id.startsWith(NAMESPACES)) {
      const metadata = { uid: object.metadata.uid, labels: { [STACK_LABEL]: null } };
      await client.mergePatch(referenceOf(object), { metadata });
    } else if (object !== undefined) {
      await deleteAndWait(client, referenceOf(object), { ctx, uid: object.metadata.uid });
    }
    await inventoryOf(client, ctx.stack).remove([id]);
  }

  /** Entered in the inventory first: an object that was made is never forgotten. */
  async #write(client: KubernetesClient, desired: KubernetesManifest, stack: string): Promise<KubernetesManifest> {
    await inventoryOf(client, stack).add([this.identify(desired)]);
    return client.apply(marked(desired, stack));
  }
}

/** How the identity of a namespace begins. */
const NAMESPACES = "core/Namespace//";

/** Path of the change that is no write: the object is as desired and only has to become ready. */
const READINESS_PATH = "status";

function assertOwn(object: KubernetesManifest, desired: KubernetesManifest, stack: string): void {
  const owner = object.metadata.labels?.[STACK_LABEL];
  if (owner === stack) return;
  if (owner !== undefined) {
    throw new DayzeroError("OBJECT_NOT_OWN", `${nameOf(object)} belongs to stack "${owner}"`, {
      hint: `remove it from stack "${owner}" first, or give this one another name`,
    });
  }
  if (desired.metadata.annotations?.[ADOPT_ANNOTATION] === "true") return;
  throw new DayzeroError("OBJECT_NOT_OWN", `${nameOf(object)} exists and was not made by stack "${stack}"`, {
    hint: `give it the annotation ${ADOPT_ANNOTATION}: "true" to take it over, or another name`,
  });
}

async function compare(
  client: KubernetesClient,
  { live, desired, stack }: { live: KubernetesManifest; desired: KubernetesManifest; stack: string },
): Promise<Change[]> {
  let planned: KubernetesManifest;
  try {
    planned = await client.apply(marked(desired, stack), { dryRun: true });
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 422 && /immutable/.test(error.message)) {
      return [{ action: "replace", path: "", after: error.message }];
    }
    throw error;
  }
  const changes = compareObjects(live, planned);
  const readiness = readinessOf(live);
  if (changes.length > 0 || readiness.state === "ready") return changes;
  return [{ action: "update", path: READINESS_PATH, before: readiness.reason, after: "ready" }];
}

function marked(desired: KubernetesManifest, stack: string): KubernetesManifest {
  const { metadata } = desired;
  return { ...desired, metadata: { ...metadata, labels: { ...metadata.labels, [STACK_LABEL]: stack } } };
}

/** The object, if it still exists and is the stack's. */
async function findOwn(
  client: KubernetesClient,
  { id, stack }: { id: string; stack: string },
): Promise<KubernetesManifest | undefined> {
  const ref = await referenceById(client, id);
  const object = ref && (await client.get(ref));
  return object?.metadata.labels?.[STACK_LABEL] === stack ? object : undefined;
}

async function referenceById(client: KubernetesClient, id: string): Promise<KubernetesReference | undefined> {
  const [group = "", kind = "", namespace = "", name = ""] = id.split("/");
  const apiVersion = await client.apiVersion(group === "core" ? "" : group, kind);
  return apiVersion === undefined ? undefined : { apiVersion, kind, name, ...(namespace === "" ? {} : { namespace }) };
}

async function requireNamespace(client: KubernetesClient, desired: KubernetesManifest): Promise<void> {
  const { apiVersion, kind, metadata } = desired;
  if (metadata.namespace !== undefined || !(await client.namespaced(apiVersion, kind))) return;
  throw new DayzeroError("NAMESPACE_MISSING", `${kind} ${metadata.name} names no namespace`, {
    hint: "set metadata.namespace: there is no default",
  });
}
