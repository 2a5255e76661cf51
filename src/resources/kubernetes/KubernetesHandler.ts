import { z } from "zod";
import {
  type KubernetesClient,
  type KubernetesManifest,
  type KubernetesReference,
  referenceOf,
} from "../../clients/KubernetesClient.ts";
import { KubernetesError } from "../../clients/KubernetesError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { ADOPT_ANNOTATION, PROTECT_ANNOTATION, STACK_LABEL } from "../../manifests/marks.ts";
import type { Change, Context, Stay } from "../Resource.ts";
import { awaitReadiness, nameOf } from "./awaitReadiness.ts";
import { compareObjects } from "./compareObjects.ts";
import { deleteAndWait } from "./deleteAndWait.ts";
import type { KubernetesInventory } from "./KubernetesInventory.ts";
import { groupKind, readinessOf } from "./readiness.ts";

/** An object as found, and what the server says applying the desired one would make of it. */
export interface LiveObject {
  readonly object: KubernetesManifest;
  /** Absent when nothing was compared. */
  readonly comparison?: readonly Change[];
}

interface HandlerOptions {
  /** Tells this cluster's handler from another one's. */
  readonly type: string;
  /** Both absent in a plan when there is no cluster yet. */
  readonly client: KubernetesClient | undefined;
  readonly inventory: KubernetesInventory | undefined;
  readonly protect: boolean;
}

const stringMap = z.record(z.string(), z.string());

const manifest = z.looseObject({
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
const identity = manifest.shape.metadata.pick({ name: true, namespace: true });

/**
 * Any Kubernetes object, by server-side apply under the field manager `dayzero`.
 *
 * It is planned by the server: what a dry run of the apply answers is compared with what is live. Made and changed objects carry
 * the stack's label and stand in its inventory; one that is not marked as the stack's is refused unless the desired object
 * asks for it with an annotation. It is done with when the object's own conditions say that it is ready.
 *
 * Its identity is `<group>/<Kind>/<namespace>/<name>`: another version of an API is the same object.
 */
export class KubernetesHandler {
  readonly type: string;
  readonly inputs = manifest as unknown as z.ZodType<KubernetesManifest>;
  readonly #client: KubernetesClient | undefined;
  readonly #inventory: KubernetesInventory | undefined;
  readonly #protect: boolean;

  constructor(options: HandlerOptions) {
    this.type = options.type;
    this.#client = options.client;
    this.#inventory = options.inventory;
    this.#protect = options.protect;
  }

  /** Throws when there is no name: a plan may not know the metadata yet. */
  identify(desired: KubernetesManifest): string {
    const { name, namespace } = identity.parse(desired.metadata);
    return `${groupKind(desired)}/${namespace ?? ""}/${name}`;
  }

  async read(id: string, ctx: Context, desired?: KubernetesManifest): Promise<LiveObject | undefined> {
    if (this.#client === undefined) return undefined;
    const ref = desired === undefined ? await this.#reference(id) : referenceOf(desired);
    if (ref === undefined) return undefined;
    if (desired !== undefined) await this.#requireNamespace(desired);
    const object = await this.#client.get(ref);
    if (object === undefined || desired === undefined) return object && { object };
    assertOwn(object, desired, ctx.stack);
    return { object, comparison: await this.#compare(object, desired, ctx) };
  }

  plan(live: LiveObject | undefined): Change[] {
    return live === undefined ? [{ action: "create", path: "" }] : [...(live.comparison ?? [])];
  }

  async apply(changes: readonly Change[], desired: KubernetesManifest, ctx: Context): Promise<LiveObject> {
    const client = this.#required();
    if (changes.some(({ action }) => action === "replace")) {
      await deleteAndWait(client, referenceOf(desired), { ctx, uid: undefined });
    }
    const onlyWaits = changes.every(({ path }) => path === READINESS_PATH);
    const waiting = onlyWaits ? await client.get(referenceOf(desired)) : undefined;
    const object = waiting ?? (await this.#write(client, desired, ctx.stack));
    const { narrate, signal } = ctx;
    return { object: await awaitReadiness(object, { client, narrate, signal }) };
  }

  /** What a program sees: the object, without what a Secret holds. */
  outputs({ object }: LiveObject): object {
    const { managedFields: _, ...metadata } = object.metadata as KubernetesManifest["metadata"] & {
      managedFields?: unknown;
    };
    const { data, stringData, ...rest } = object;
    return object.kind === "Secret" ? { ...rest, metadata } : { ...object, metadata };
  }

  /** Enters what the program registered: an inventory that was lost is whole again. */
  async settle(registered: ReadonlySet<string>): Promise<void> {
    const known = new Set(await this.#inventory?.list());
    if ([...registered].some((id) => !known.has(id))) await this.#inventory?.add(registered);
  }

  async owned(stack: string): Promise<string[]> {
    const listed = (await this.#inventory?.list()) ?? [];
    const found = await Promise.all(
      listed.map(async (id) => ((await this.#find(id, stack)) === undefined ? [] : [id])),
    );
    return found.flat();
  }

  async isProtected(id: string, ctx: Context): Promise<boolean> {
    const object = await this.#find(id, ctx.stack);
    return object?.metadata.annotations?.[PROTECT_ANNOTATION] === "true";
  }

  /** A namespace goes with all that is in it, whoever made that: it is never deleted. */
  async stays(id: string): Promise<Stay | undefined> {
    if (!id.startsWith(NAMESPACES)) return undefined;
    const name = id.slice(NAMESPACES.length);
    const note = `left namespace ${name} in place: delete it with kubectl once nothing in it is needed`;
    return { as: "released", note };
  }

  async remove(id: string, ctx: Context): Promise<void> {
    const object = await this.#find(id, ctx.stack);
    if (object !== undefined && id.startsWith(NAMESPACES)) {
      const metadata = { uid: object.metadata.uid, labels: { [STACK_LABEL]: null } };
      await this.#required().mergePatch(referenceOf(object), { metadata });
    } else if (object !== undefined) {
      await deleteAndWait(this.#required(), referenceOf(object), { ctx, uid: object.metadata.uid });
    }
    await this.#inventory?.remove([id]);
  }

  /** Entered in the inventory first: an object that was made is never forgotten. */
  async #write(client: KubernetesClient, desired: KubernetesManifest, stack: string): Promise<KubernetesManifest> {
    await this.#inventory?.add([this.identify(desired)]);
    return client.apply(this.#marked(desired, stack));
  }

  async #compare(live: KubernetesManifest, desired: KubernetesManifest, ctx: Context): Promise<Change[]> {
    let planned: KubernetesManifest;
    try {
      planned = await this.#required().apply(this.#marked(desired, ctx.stack), { dryRun: true });
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

  #marked(desired: KubernetesManifest, stack: string): KubernetesManifest {
    const { metadata } = desired;
    const protect = this.#protect ? { [PROTECT_ANNOTATION]: "true" } : {};
    const annotations = { ...metadata.annotations, ...protect };
    return {
      ...desired,
      metadata: {
        ...metadata,
        labels: { ...metadata.labels, [STACK_LABEL]: stack },
        ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      },
    };
  }

  /** The object, if it still exists and is the stack's. */
  async #find(id: string, stack: string): Promise<KubernetesManifest | undefined> {
    const ref = await this.#reference(id);
    const object = ref && (await this.#client?.get(ref));
    return object?.metadata.labels?.[STACK_LABEL] === stack ? object : undefined;
  }

  async #reference(id: string): Promise<KubernetesReference | undefined> {
    const [group = "", kind = "", namespace = "", name = ""] = id.split("/");
    const apiVersion = await this.#client?.apiVersion(group === "core" ? "" : group, kind);
    return apiVersion === undefined
      ? undefined
      : { apiVersion, kind, name, ...(namespace === "" ? {} : { namespace }) };
  }

  async #requireNamespace({ apiVersion, kind, metadata }: KubernetesManifest): Promise<void> {
    if (metadata.namespace !== undefined || !(await this.#required().namespaced(apiVersion, kind))) return;
    throw new DayzeroError("NAMESPACE_MISSING", `${kind} ${metadata.name} names no namespace`, {
      hint: "set metadata.namespace: there is no default",
    });
  }

  #required(): KubernetesClient {
    if (this.#client !== undefined) return this.#client;
    throw new DayzeroError("CLUSTER_NOT_RUNNING", "the cluster is not there yet", {
      hint: "run dayzero up: it starts the cluster first",
    });
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
