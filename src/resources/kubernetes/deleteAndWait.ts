import { setTimeout as delay } from "node:timers/promises";
import type { KubernetesClient, KubernetesReference } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Context } from "../Resource.ts";
import { nameOf } from "./awaitReadiness.ts";

const TIMEOUT_MS = 60_000;
const LOOK_MS = 100;

/**
 * Deletes an object and waits until it is gone, finalizers included; with `uid` only that very one. Already gone is success.
 *
 * Rejects with OBJECT_NOT_GONE after 60 seconds, and with the signal's reason.
 */
export async function deleteAndWait(
  client: KubernetesClient,
  ref: KubernetesReference,
  { ctx, uid }: { ctx: Pick<Context, "narrate" | "signal">; uid: string | undefined },
): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  await client.delete(ref, uid === undefined ? {} : { uid });
  for (let announced = false; ; announced = true) {
    const object = await client.get(ref);
    if (object === undefined || (uid !== undefined && object.metadata.uid !== uid)) return;
    ctx.signal.throwIfAborted();
    if (performance.now() > deadline) {
      throw new DayzeroError("OBJECT_NOT_GONE", `${nameOf(object)} is still being deleted after 60 s`, {
        hint: "see its metadata.finalizers and the controller that clears them",
      });
    }
    if (!announced) ctx.narrate(`waiting until ${nameOf(object)} is gone`);
    await delay(LOOK_MS, undefined, { signal: ctx.signal }).catch(() => ctx.signal.throwIfAborted());
  }
}
