import { DayzeroError } from "../../config/DayzeroError.ts";
import { failureOf } from "../../config/failureOf.ts";
import type { Change, Context, Stay } from "../../resources/Resource.ts";
import { assertIdentity } from "../assertIdentity.ts";
import type { AnyHandler } from "../Handler.ts";
import { isNotThere } from "../isNotThere.ts";
import type { Action, ConvergeEvent, ResourceEvent } from "./ConvergeEvent.ts";
import type { RegisteredResource, ResourceChange } from "./Deployment.ts";
import type { ProtectedMarks } from "./ProtectedMarks.ts";

interface Options {
  readonly dryRun: boolean;
  readonly registered: readonly RegisteredResource[];
  /** Only in a plan: the program may register more than it did, so nobody knows yet what it drops. */
  readonly leftOut?: boolean;
  /** In the order in which things are made; removal goes the other way. */
  readonly handlers: readonly AnyHandler[];
  readonly marks: ProtectedMarks;
  readonly stack: string;
  readonly contextFor: (resource: ResourceEvent) => Context;
  readonly emit: (event: ConvergeEvent) => void;
  /** Throws when nothing may be written any more. */
  readonly assertWritable: () => void;
  /** The systems are not the stack's own: one that is not there is an error, not one that is yet to be made and so holds nothing. */
  readonly mustAnswer?: true;
}

interface Dropped {
  readonly handler: AnyHandler;
  readonly id: string;
  readonly protect: boolean;
  readonly stay: Stay | undefined;
}

const REMOVALS_UNKNOWN =
  "what is removed is known only after apply: the program makes resources from values that are not known yet";

/**
 * Removes what the stack owns and its program no longer registers; in a plan, only lists it, if that can be known. What has a reason to stay is left, and
 * narrated.
 *
 * Nothing is removed when any of it is protected: RESOURCE_PROTECTED names it.
 */
export async function removeDropped(options: Options): Promise<ResourceChange[]> {
  const handlers = [...options.handlers].reverse();
  const dropped = (await Promise.all(handlers.map((handler) => droppedOf(handler, options)))).flat();
  const refused = dropped.filter(({ protect, stay }) => protect && stay?.as !== "kept");
  if (refused.length > 0 && !options.dryRun) {
    const names = refused.map(({ handler, id }) => `${handler.type} "${id}"`).join(", ");
    throw new DayzeroError("RESOURCE_PROTECTED", `cannot remove ${names}: protected, and no longer in the program`, {
      hint: "put it back with `protect: false`, run `dayzero up`, and then take it out",
    });
  }
  if (options.leftOut === true && dropped.some(({ stay }) => stay?.as !== "kept")) {
    options.emit({ kind: "log", severity: "info", message: REMOVALS_UNKNOWN });
    return [];
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
  if (!options.dryRun) await handler.settle?.(registered, ctx);
  let owned: readonly string[];
  try {
    owned = await handler.owned(options.stack, ctx);
  } catch (error) {
    if (options.mustAnswer === undefined && isNotThere(error)) return [];
    throw error;
  }
  // What was made last may need what was made first.
  const ids = owned.filter((id) => !registered.has(id)).reverse();
  return Promise.all(
    ids.map(async (id) => {
      assertIdentity(handler, id);
      const protect = await options.marks.isProtected(handler, id, ctx);
      return { handler, id, protect, stay: await handler.stays?.(id, ctx) };
    }),
  );
}

async function remove({ handler, id, protect, stay }: Dropped, options: Options): Promise<ResourceChange> {
  const resource = eventOf(handler.type, id);
  const { urn, name, type } = resource;
  const changes: Change[] = [];
  if (protect) changes.push({ action: "update", path: "protect", before: "true" });
  if (stay !== undefined) changes.push({ action: "update", path: "", after: stay.note });
  const action = actionOf(stay);
  const change: ResourceChange = { urn, name, type, action, changes };
  const startedAt = performance.now();
  const elapsed = (): number => Math.round(performance.now() - startedAt);
  options.emit({ ...resource, kind: "resource-started" });
  try {
    if (!options.dryRun) {
      const ctx = options.contextFor(resource);
      if (action !== "keep") {
        options.assertWritable();
        await handler.remove(id, ctx);
      }
      if (stay !== undefined) ctx.narrate(stay.note);
    }
  } catch (error) {
    options.emit({ ...resource, kind: "resource-failed", error: error as Error, ms: elapsed() });
    const { message, hint } = failureOf(error);
    throw new DayzeroError("REMOVAL_FAILED", `cannot remove ${type} "${name}": ${message}`, {
      cause: error,
      hint,
    });
  }
  options.emit({ ...resource, kind: "resource-finished", action, changes, ms: elapsed() });
  return change;
}

function actionOf(stay: Stay | undefined): Action {
  if (stay === undefined) return "delete";
  return stay.as === "kept" ? "keep" : "release";
}

/** What is no longer in the program has no URN: its identity stands for it. */
function eventOf(type: string, id: string): ResourceEvent {
  return { urn: "", name: id, type };
}
