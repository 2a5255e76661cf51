import { DAYZERO_NAMESPACE } from "../manifests/marks.ts";
import { inventoryReference, KubernetesInventory } from "../resources/kubernetes/KubernetesInventory.ts";
import { objectResource } from "../resources/kubernetes/ObjectResource.ts";
import type { Context } from "../resources/Resource.ts";
import { loadResource, resourceTypes } from "../resources/registry.ts";
import { ProtectedMarks } from "./converge/ProtectedMarks.ts";
import { removeDropped } from "./converge/removeDropped.ts";
import { leased } from "./LeasedCluster.ts";
import { stackLeaseReference } from "./StackLease.ts";

/** What is inside a Vault. Its certificate, its storage and its shares are beside it. */
const INSIDE_VAULT = /^dayzero:vault:(Policy|Jwt\w+|Oidc\w+)$/;

/**
 * Removes from the live systems what the stack owns there, type by type, what is made last first; nothing else, and nothing at all when
 * any of it is protected, or a system does not answer. Holds the stack's Lease, which goes last.
 *
 * With `vaultGoes` the Vault is among what is removed, and what is inside it is gone with it: taken out piece by piece, the operator's own
 * login would be among the first.
 *
 * Killed at any point, it goes on where it ended. What stays is in `kept`, each with the reason.
 */
export async function removeOwned(
  context: Context,
  { tell, vaultGoes }: { tell: (message: string) => void; vaultGoes: boolean },
): Promise<{ removed: string[]; kept: string[] }> {
  const lost = new AbortController();
  const signal = AbortSignal.any([context.signal, lost.signal]);
  const lease = leased({ ...context, signal }, { onLost: (error) => lost.abort(error) });
  try {
    // First of all, so that nobody else changes what is looked at here.
    const client = await lease.context.kubernetes();
    const types = resourceTypes.filter((type) => !(vaultGoes && INSIDE_VAULT.test(type)));
    const found = await Promise.all(types.map(loadResource));
    const changes = await removeDropped({
      dryRun: false,
      mustAnswer: true,
      registered: [],
      handlers: found.filter((handler) => handler !== undefined),
      marks: new ProtectedMarks(context.directory),
      stack: context.stack,
      contextFor: () => lease.context,
      emit: (event) => {
        if (event.kind === "resource-finished" && event.action === "delete")
          tell(`removed ${event.type} ${event.name}`);
      },
      assertWritable: () => {
        signal.throwIfAborted();
        lease.assertHeld();
      },
    });
    const kept = changes
      .filter(({ action }) => action !== "delete")
      .map(({ type, name, changes }) => changes.find(({ path }) => path === "")?.after ?? `${type} ${name}`);
    const inventory = new KubernetesInventory(client, context.stack);
    const left = new Set(await objectResource.owned(context.stack, lease.context));
    if (left.size === 0) {
      await client.delete(inventoryReference(context.stack));
      await client.delete(stackLeaseReference(context.stack));
    } else {
      // What somebody else deleted was never removed here, and so not struck out.
      await inventory.remove((await inventory.list()).filter((id) => !left.has(id)));
      kept.push(`the stack's inventory and Lease in namespace ${DAYZERO_NAMESPACE}`);
    }
    return {
      removed: changes.filter(({ action }) => action === "delete").map(({ type, name }) => `${type} ${name}`),
      kept: kept.some((note) => note.includes(DAYZERO_NAMESPACE)) ? kept : [...kept, `namespace ${DAYZERO_NAMESPACE}`],
    };
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await lease.release();
  }
}
