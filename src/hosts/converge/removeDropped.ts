import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Context } from "../../resources/Resource.ts";
import type { ConvergeEvent, ResourceEvent } from "./ConvergeEvent.ts";
import type { RegisteredResource, ResourceChange } from "./Deployment.ts";
import type { AnyHandler } from "./Handler.ts";
import { isNotThere } from "./notThere.ts";
import type { ProtectedMarks } from "./ProtectedMarks.ts";

interface Options {
  readonly dryRun: boolean;
  readonly registered: readonly RegisteredResource[];
  /** In the order in which things are made; removal goes the other way. */
  readonly handlers: readonly AnyHandler[];
  readonly marks: ProtectedMarks;
  readonly stack: string;
  readonly contextFor: (resource: ResourceEvent) => Context;
  readonly emit: (event: ConvergeEvent) => void;
  /** Throws when nothing may be written any more. */
  readonly assertWritable: () => void;
}

interface Dropped {
  readonly handler: AnyHandler;
  readonly id: string;
  readonly protect: boolean;
}

/**
 * Removes what the stack owns and its program no longer registers; in a plan, only lists it.
 *
 * Nothing is removed when any of it is protected: RESOURCE_PROTECTED names it.
 */
export async function removeDropped(options: Options): Promise<ResourceChange[]> {
  const dropped: Dropped[] = [];
  for (const handler of [...options.handlers].reverse()) dropped.push(...(await droppedOf(handler, options)));
  const kept = dropped.filter(({ protect }) => protect);
  if (kept.length > 0 && !options.dryRun) {
    const names = kept.map(({ handler, id }) => `${handler.type} "${id}"`).join(", ");
    throw new DayzeroError("RESOURCE_PROTECTED", `cannot remove ${names}: protected, and no longer in the program`, {
      hint: "put it back with `protect: false`, run `dayzero up`, and then take it out",
    });
  }
  const changes: ResourceChange[] = [];
  for (const drop of dropped) changes.push(await remove(drop, options));
  return changes;
}

async function droppedOf(handler: AnyHandler, options: Options): Promise<Dropped[]> {
  const own = options.registered.filter(({ handler: { type } }) => type === handler.type);
  // What an unknown identity will turn out to be may be anything that is owned.
  if (own.some(({ id }) => id === undefined)) return [];
  const registered = new Set(own.map(({ id }) => id as string));
  const ctx = options.contextFor(eventOf(handler.type, handler.type));
  if (!options.dryRun) await handler.settle?.(registered);
  let owned: readonly string[];
  try {
    owned = await handler.owned(options.stack, ctx);
  } catch (error) {
    if (isNotThere(error)) return [];
    throw error;
  }
  // What was made last may need what was made first.
  const ids = owned.filter((id) => !registered.has(id)).reverse();
  return Promise.all(
    ids.map(async (id) => ({ handler, id, protect: await options.marks.isProtected(handler, id, ctx) })),
  );
}

async function remove({ handler, id, protect }: Dropped, options: Options): Promise<ResourceChange> {
  const resource = eventOf(handler.type, id);
  const { urn, name, type } = resource;
  const note = protect ? [{ action: "update", path: "protect", before: "true" } as const] : [];
  const change: ResourceChange = { urn, name, type, action: "delete", changes: note };
  const startedAt = performance.now();
  const elapsed = (): number => Math.round(performance.now() - startedAt);
  options.emit({ ...resource, kind: "resource-started" });
  try {
    if (!options.dryRun) {
      options.assertWritable();
      await handler.remove(id, options.contextFor(resource));
    }
  } catch (error) {
    options.emit({ ...resource, kind: "resource-failed", error: error as Error, ms: elapsed() });
    const { message } = error as Error;
    throw new DayzeroError("REMOVAL_FAILED", `cannot remove ${type} "${name}": ${message}`, {
      cause: error,
      hint: "run `dayzero up` again once the cause is gone",
    });
  }
  options.emit({ ...resource, kind: "resource-finished", action: "delete", changes: change.changes, ms: elapsed() });
  return change;
}

/** What is no longer in the program has no URN: its identity stands for it. */
function eventOf(type: string, id: string): ResourceEvent {
  return { urn: "", name: id, type };
}
