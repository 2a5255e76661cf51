import type { KubernetesClient } from "../clients/KubernetesClient.ts";
import type { Context } from "../resources/Resource.ts";
import type { StackLease } from "./StackLease.ts";

/** A context whose run holds the stack's Lease in each cluster that it uses. */
export interface LeasedCluster {
  /** The same context; its `kubernetes()` resolves once the Lease is held, and rejects with STACK_BUSY. */
  readonly context: Context;
  /** Holds the Lease in the cluster of another client too; one that was held before is the same. */
  hold(client: KubernetesClient): Promise<void>;
  /** Throws LEASE_LOST when a Lease that was held is not certain to hold any more: nothing may be written then. */
  assertHeld(): void;
  /** Gives back what is held; never rejects. */
  release(): Promise<void>;
}

/**
 * Makes a run hold the Lease (`StackLease`) from its first use of the cluster to `release`. A dry run writes nothing and takes none.
 *
 * The Lease is looked at by `assertHeld`, which belongs before each step that writes, not at each request: one that was lost stops the
 * next step, and `onLost`, called once, is there to abort those under way.
 *
 * A server is known by its URL: two URLs are two clusters.
 */
export function leased(context: Context, { onLost }: { readonly onLost: (error: Error) => void }): LeasedCluster {
  const held = new Set<StackLease>();
  const leases = new Map<string, Promise<void>>();
  const acquire = async (client: KubernetesClient): Promise<void> => {
    const { StackLease } = await import("./StackLease.ts");
    const { stack, narrate, signal } = context;
    held.add(await StackLease.acquire({ client, stack, narrate, signal, onLost }));
  };
  const hold = async (client: KubernetesClient): Promise<void> => {
    if (context.dryRun) return;
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
  };
  return {
    context: {
      ...context,
      async kubernetes() {
        const client = await context.kubernetes();
        await hold(client);
        return client;
      },
    },
    hold,
    assertHeld() {
      for (const lease of held) lease.assertHeld();
    },
    async release() {
      await Promise.allSettled(leases.values());
      await Promise.all([...held].map((lease) => lease.release()));
      held.clear();
      leases.clear();
    },
  };
}
