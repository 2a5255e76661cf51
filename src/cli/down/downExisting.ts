import { rm, rmdir } from "node:fs/promises";
import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import type { ExistingSpec } from "../../config/StackSpec.ts";
import type { Secret } from "../../credentials/Secret.ts";
import { removeOwned } from "../../hosts/removeOwned.ts";
import { stackLeaseReference } from "../../hosts/StackLease.ts";
import { exists } from "../../machine/exists.ts";
import { isOpenBaoVolume } from "../../manifests/openbao/openBaoNames.ts";
import { assertAnswers } from "../assertAnswers.ts";
import { createContext } from "../createContext.ts";
import type { Run } from "../Run.ts";
import { holdStack } from "../stack/holdStack.ts";
import type { LoadedStack } from "../stack/loadStack.ts";
import { stackMemoryFile } from "../stack/StackMemory.ts";
import { askForToken, systemsOf } from "../systemsOf.ts";
import { type Removal, removeState } from "./removeState.ts";

/**
 * Takes a stack off a cluster that stays: what it owns there and in Vault, then the files of its state folder.
 *
 * Nothing is begun unless all systems answer: what cannot be asked cannot be told from what is gone.
 */
export async function downExisting(
  run: Run,
  { layout }: LoadedStack,
  spec: ExistingSpec,
  confirm: (question: string) => Promise<void>,
): Promise<Removal> {
  const memory = new Map<string, Secret>();
  await askForToken(run, spec, memory);
  const { context, close } = createContext({
    stack: spec.stack,
    layout,
    dryRun: false,
    signal: run.signal,
    program: run.program,
    tools: new Map(),
    existing: systemsOf(spec, run),
    memory,
    narrate: (message) => run.narrator.tell({ kind: "note", message }),
  });
  try {
    await assertAnswers(context, spec);
    const client = await context.kubernetes();
    const known = await exists(stackMemoryFile(layout));
    if (!known && (await client.get(stackLeaseReference(spec.stack))) === undefined) return { removed: [], kept: [] };

    await confirm(
      `Remove what stack ${spec.stack} made in the cluster at ${client.server} and in vault at ${spec.vault.address}?`,
    );
    const lock = await holdStack(run, spec.stack, layout);
    try {
      const owned = await removeOwned(context, {
        tell: (message) => run.narrator.tell({ kind: "note", message }),
        vaultGoes: spec.vault.kind === "in-cluster",
      });
      const volumes = await volumesOf(spec, client);
      // Without its sealed shares nobody could ever open them.
      const files = await removeState(layout, context, { deleteRepository: false, keepVault: volumes.length > 0 });
      await rm(stackMemoryFile(layout), { force: true });
      return { removed: [...owned.removed, ...files.removed], kept: [...owned.kept, ...volumes, ...files.kept] };
    } finally {
      await lock.release();
      await rmdir(layout.directory).catch(() => undefined);
    }
  } finally {
    await close();
  }
}

/** The volumes of an OpenBao stay with their namespace, and with all that is in it: they belong to no object of the stack. */
async function volumesOf({ vault }: ExistingSpec, client: KubernetesClient): Promise<string[]> {
  if (vault.kind === "external") return [];
  const { namespace } = vault.install;
  const claims = await client.list({ apiVersion: "v1", kind: "PersistentVolumeClaim", namespace });
  return claims
    .map(({ metadata }) => metadata.name)
    .filter(isOpenBaoVolume)
    .map((name) => `persistentvolumeclaim ${namespace}/${name}, what is in vault, which vault/shares.age.json opens`);
}
