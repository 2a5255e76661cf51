import type { KubernetesClient } from "../clients/KubernetesClient.ts";
import type { Context } from "../resources/Resource.ts";
import { fenced } from "./fenced.ts";
import type { StackLease } from "./StackLease.ts";

/** A context whose run holds the stack's Lease in each cluster that it uses. */
export interface LeasedCluster {
  /** The same context; its `kubernetes()` resolves once the Lease is held, and rejects with STACK_BUSY. Its clients are `fenced`. */
  readonly context: Context;
  /** Holds the Lease in the cluster of another client too, and resolves with that client fenced; one that was held before is the same. */
  hold(client: KubernetesClient): Promise<KubernetesClient>;
  /** Throws LEASE_LOST when a Lease that was held is not certain to hold any more: nothing may be written then. */
  assertHeld(): void;
  /** Gives back what is held; never rejects. */
  release(): Promise<void>;
}

/**
 * Makes a run hold the Lease (`StackLease`) from its first use of the cluster to `release`. A dry run writes nothing and takes none.
 *
 * The Lease is looked at by `assertHeld`, which belongs before each step that writes, and by the clients before each request that does:
 * one that was lost stops both, and `onLost`, called once, is there to abort what is under way.
 *
 * A server is known by its URL: two URLs are two clusters.
 */
export function leased(context: Context, { onLost }: { readonly onLost: (error: Error) => void }): LeasedCluster {
  const held = new Set<StackLease>();
  const leases = new Map<string, Promise<void>>();
  // One for each client: who remembers something of a client finds it again.
  const guarded = new WeakMap<KubernetesClient, KubernetesClient>();
  const assertHeld = (): void => {
    for (const lease of held) lease.assertHeld();
  };
  const acquire = async (client: KubernetesClient): Promise<void> => {
    const { StackLease } = await import("./StackLease.ts");
    const { stack, narrate, signal } = context;
    held.add(await StackLease.acquire({ client, stack, narrate, signal, onLost }));
  };
  const hold = async (client: KubernetesClient): Promise<KubernetesClient> => {
    if (context.dryRun) return client;
    const { server } = client;
    let lease = leases.get(server);
    if (lease === undefined) {
      lease = acquire(client).catch((error: unknown) => {
        // Not remembered: the server may only come later in the run.
        leases.delete(server);
        throw error;
      });
      leases.set(server, lease);
    }
    await lease;
    const guard = guarded.get(client) ?? fenced(client, assertHeld);
    guarded.set(client, guard);
    return guard;
  };
  return {
    context: {
      ...context,
      kubernetes: async () => hold(await context.kubernetes()),
      async vault() {
        const client = await context.vault();
        return context.dryRun ? client : fenced(client, assertHeld);
      },
    },
    hold,
    assertHeld,
    async release() {
      await Promise.allSettled(leases.values());
      await Promise.all([...held].map((lease) => lease.release()));
      held.clear();
      leases.clear();
    },
  };
}
