import { chmod, mkdir, rm } from "node:fs/promises";
import { z } from "zod";
import { findDetached } from "../../machine/DetachedProcess.ts";
import { exists } from "../../machine/exists.ts";
import { findUnrecorded } from "../../machine/findUnrecorded.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { stopProcess } from "../../machine/stopProcess.ts";
import type { Context, Resource } from "../Resource.ts";
import { removeInitialRootToken } from "./initialRootToken.ts";
import { readSealedShares, removeSealedShares } from "./SealedShares.ts";

const inputs = z.strictObject({});

export type StorageInputs = z.infer<typeof inputs>;

export interface StorageLive {
  /** Below the state folder. */
  readonly path: string;
  /**
   * `interrupted`: this stack asked Vault to initialize and never got to keep the answer. The shares are lost, so nobody can
   * open that Vault, and nothing can have been put into it.
   */
  readonly state: "ready" | "interrupted";
}

const PROCESS = "vault";
const STOP_MS = 10_000;

/**
 * The folder of Vault's raft storage; comes before the process `vault`.
 *
 * An interrupted initialization is undone here, by stopping that Vault and emptying its folder: no run can unseal it. Only the
 * marker that this stack wrote itself before initializing allows that; sealed shares, once there, rule it out.
 */
export const storageResource: Resource<StorageInputs, StorageLive> = {
  type: "dayzero:vault:Storage",
  inputs,

  id: z.literal(PROCESS),
  identify: () => PROCESS,

  async read(_id, ctx) {
    const layout = new StackLayout(ctx.directory);
    if (!(await exists(layout.data(PROCESS)))) return undefined;
    const shares = await readSealedShares(layout);
    return { path: `data/${PROCESS}`, state: shares?.state === "initializing" ? "interrupted" : "ready" };
  },

  plan(live) {
    if (live === undefined) return [{ action: "create", path: "" }];
    if (live.state === "ready") return [];
    return [
      { action: "update", path: "", before: "an initialization whose answer was lost", after: "empty, to begin again" },
    ];
  },

  async apply(_changes, _desired, ctx) {
    const layout = new StackLayout(ctx.directory);
    if ((await readSealedShares(layout))?.state === "initializing") {
      ctx.narrate("vault's initialization was interrupted and its shares are lost: emptying its storage");
      await empty(layout, ctx);
    }
    await mkdir(layout.data(PROCESS), { recursive: true, mode: 0o700 });
    await chmod(layout.data(PROCESS), 0o700);
    return { path: `data/${PROCESS}`, state: "ready" };
  },

  /** None: a Vault is not thrown away because a program no longer mentions it; `down` does that. */
  owned: async () => [],

  async remove(_id, ctx) {
    const layout = new StackLayout(ctx.directory);
    await stop(layout, ctx);
    await rm(layout.data(PROCESS), { recursive: true, force: true });
  },
};

/** The marker goes last: as long as there is data of that initialization, there is the marker that says so. */
async function empty(layout: StackLayout, ctx: Context): Promise<void> {
  await stop(layout, ctx);
  await rm(layout.data(PROCESS), { recursive: true, force: true });
  await removeInitialRootToken(layout, ctx.memory);
  await removeSealedShares(layout);
}

async function stop(layout: StackLayout, ctx: Context): Promise<void> {
  const recorded = await findDetached(layout.pidFile(PROCESS), layout.directory);
  const unrecorded = (await findUnrecorded(layout.directory)).filter(({ name }) => name === PROCESS);
  for (const running of [...(recorded === undefined ? [] : [recorded]), ...unrecorded]) {
    await stopProcess(running, { graceMs: STOP_MS, signal: ctx.signal });
  }
}
