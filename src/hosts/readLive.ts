import type { Context } from "../resources/Resource.ts";
import { assertIdentity } from "./assertIdentity.ts";
import type { AnyHandler } from "./Handler.ts";
import { isNotThere } from "./isNotThere.ts";

/** What exists under an identity; IDENTITY_INVALID for what is none. In a plan, a system that is not there has nothing in it. */
export async function readLive(
  handler: AnyHandler,
  id: string,
  ctx: Context,
  desired?: unknown,
): Promise<object | undefined> {
  assertIdentity(handler, id);
  try {
    return await handler.read(id, ctx, desired);
  } catch (error) {
    if (ctx.dryRun && isNotThere(error)) return undefined;
    throw error;
  }
}
