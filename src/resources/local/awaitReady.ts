import { setTimeout as delay } from "node:timers/promises";
import { type DetachedProcess, isAlive } from "../../machine/DetachedProcess.ts";
import type { Context } from "../Resource.ts";
import { askerOf } from "./isReady.ts";
import type { ProcessInputs } from "./ProcessInputs.ts";

const POLL_MS = 30;

/** Waits until a running process says that it is ready, has ended, or has not done either in its time, or in `seconds`. */
export async function awaitReady(
  inputs: ProcessInputs,
  running: DetachedProcess,
  ctx: Context,
  seconds = inputs.readySeconds,
): Promise<"ready" | "ended" | "late"> {
  const deadline = performance.now() + seconds * 1000;
  const asker = askerOf(inputs.ready, ctx);
  let told = false;
  try {
    for (;;) {
      ctx.signal.throwIfAborted();
      // In this order: what answers while the process lives is the process.
      const answers = await asker.isReady();
      if (!(await isAlive(running))) return "ended";
      if (answers) return "ready";
      if (performance.now() > deadline) return "late";
      if (!told) ctx.narrate(`waiting for ${inputs.name}`);
      told = true;
      await delay(POLL_MS, undefined, { signal: ctx.signal });
    }
  } finally {
    await asker.close();
  }
}
