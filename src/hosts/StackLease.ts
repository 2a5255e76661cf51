import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { KubernetesClient, KubernetesManifest } from "../clients/KubernetesClient.ts";
import { KubernetesError } from "../clients/KubernetesError.ts";
import { DayzeroError } from "../config/DayzeroError.ts";
import { machineIdentity, processStartTime } from "../machine/processIdentity.ts";
import { DAYZERO_NAMESPACE, STACK_LABEL } from "../manifests/marks.ts";
import { ensureDayzeroNamespace } from "../resources/kubernetes/ensureDayzeroNamespace.ts";

interface Lease extends KubernetesManifest {
  readonly spec: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

interface StackLeaseOptions {
  readonly client: KubernetesClient;
  readonly stack: string;
  readonly narrate: (message: string) => void;
  readonly signal: AbortSignal;
  /** Told once, when another one took the lease or it could not be renewed in time. */
  readonly onLost: (error: Error) => void;
  /** How long a holder that keeps renewing is waited for. */
  readonly patienceMs?: number;
}

const DURATION_MS = 15_000;
const RENEW_MS = 5_000;
const LOOK_MS = 500;
/** A write that is on its way when the lease is checked must arrive while it still holds. */
const MARGIN_MS = 3_000;

/**
 * One Lease in the cluster keeps two runs from changing a stack at once (`coordination.k8s.io/v1`, `dayzero-<stack>`).
 *
 * Each change of it is a compare-and-swap. A holder that died on this machine is replaced at once. Any other one is
 * watched until it has not renewed for the lease's duration by this machine's own monotonic clock (as client-go does);
 * one that goes on renewing is refused with STACK_BUSY. Validity is judged locally: a run that could not renew stops
 * writing before anybody else may start.
 */
export class StackLease {
  readonly #options: StackLeaseOptions;
  readonly #identity: string;
  #lease: Lease;
  #renewedAt: number;
  #lost: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> = Promise.resolve();

  private constructor(options: StackLeaseOptions, identity: string, lease: Lease, renewedAt: number) {
    this.#options = options;
    this.#identity = identity;
    this.#lease = lease;
    this.#renewedAt = renewedAt;
    this.#schedule();
  }

  /** Waits for the lease and holds it, renewing in the background. Rejects with STACK_BUSY, or the signal's reason. */
  static async acquire(options: StackLeaseOptions): Promise<StackLease> {
    await ensureDayzeroNamespace(options.client, options.stack);
    const here = await machineName();
    const identity = `${here}/${process.pid}/${(await processStartTime(process.pid)) ?? ""}`;
    const patience = performance.now() + (options.patienceMs ?? 2 * DURATION_MS);
    let seen: { version: string | undefined; at: number } | undefined;
    let announced = "";
    for (;;) {
      options.signal.throwIfAborted();
      const sentAt = performance.now();
      const live = await options.client.get<Lease>(stackLeaseReference(options.stack));
      if (live === undefined || (await isFree(live, here))) {
        const lease = await write(options, identity, live);
        if (lease !== undefined) return new StackLease(options, identity, lease, sentAt);
        continue;
      }
      const version = live.metadata.resourceVersion;
      if (seen === undefined || seen.version !== version) seen = { version, at: performance.now() };
      const duration = (live.spec.leaseDurationSeconds ?? DURATION_MS / 1000) * 1000;
      if (performance.now() - seen.at > duration) {
        const lease = await write(options, identity, live);
        if (lease !== undefined) return new StackLease(options, identity, lease, sentAt);
        continue;
      }
      const holder = live.spec.holderIdentity ?? "";
      if (performance.now() > patience) throw busy(options.stack, holder);
      if (holder !== announced) options.narrate(`waiting for ${describe(holder)}, which holds the stack's lease`);
      announced = holder;
      await delay(LOOK_MS, undefined, { signal: options.signal }).catch(() => options.signal.throwIfAborted());
    }
  }

  /** Throws LEASE_LOST unless the lease is certain to hold for a moment longer. */
  assertHeld(): void {
    if (this.#lost === undefined && performance.now() - this.#renewedAt > DURATION_MS - MARGIN_MS) {
      this.#lose("it could not be renewed in time");
    }
    if (this.#lost !== undefined) throw this.#lost;
  }

  /** Lets the next run begin at once; without an answer the lease just runs out. */
  async release(): Promise<void> {
    // First: a renewal on its way sets the next timer.
    await this.#renewal;
    clearTimeout(this.#timer);
    if (this.#lost !== undefined) return;
    const spec = { ...this.#lease.spec, holderIdentity: "", renewTime: microTime() };
    await this.#options.client.replace({ ...this.#lease, spec }).catch(() => undefined);
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#renewal = this.#renew().then(() => {
        if (this.#lost === undefined) this.#schedule();
      });
    }, RENEW_MS);
    this.#timer.unref();
  }

  async #renew(): Promise<void> {
    const sentAt = performance.now();
    try {
      const spec = { ...this.#lease.spec, holderIdentity: this.#identity, renewTime: microTime() };
      this.#lease = await this.#options.client.replace<Lease>({ ...this.#lease, spec });
      this.#renewedAt = sentAt;
    } catch (error) {
      if (error instanceof KubernetesError && (error.status === 409 || error.status === 404)) {
        await this.#adoptOwn(sentAt);
      } else if (sentAt - this.#renewedAt > DURATION_MS - MARGIN_MS) {
        this.#lose("it could not be renewed in time", error);
      }
    }
  }

  /** After a conflict: the write of ours whose answer got lost is no loss. */
  async #adoptOwn(sentAt: number): Promise<void> {
    const live = await this.#options.client.get<Lease>(stackLeaseReference(this.#options.stack)).catch(() => undefined);
    if (live?.spec.holderIdentity !== this.#identity) {
      this.#lose(`${describe(live?.spec.holderIdentity ?? "nobody")} holds it now`);
      return;
    }
    this.#lease = live;
    this.#renewedAt = sentAt;
  }

  #lose(why: string, cause?: unknown): void {
    this.#lost = new DayzeroError("LEASE_LOST", `the lease of stack "${this.#options.stack}" was lost: ${why}`, {
      cause,
      hint: "run `dayzero up` again when nobody else is changing the stack",
    });
    this.#options.onLost(this.#lost);
  }
}

async function write(
  options: StackLeaseOptions,
  identity: string,
  live: Lease | undefined,
): Promise<Lease | undefined> {
  const now = microTime();
  const spec = {
    holderIdentity: identity,
    leaseDurationSeconds: DURATION_MS / 1000,
    acquireTime: now,
    renewTime: now,
    leaseTransitions: (live?.spec.leaseTransitions ?? 0) + (live === undefined ? 0 : 1),
  };
  try {
    if (live !== undefined) return await options.client.replace<Lease>({ ...live, spec });
    const { name, namespace, ...kind } = stackLeaseReference(options.stack);
    const labels = { [STACK_LABEL]: options.stack };
    return await options.client.create<Lease>({ ...kind, metadata: { name, namespace, labels }, spec });
  } catch (error) {
    // Somebody else was faster: look again.
    if (error instanceof KubernetesError && error.status === 409) return undefined;
    throw error;
  }
}

/** Free at a glance: given back, or held by a dead process of this machine. What `renewTime` says is another machine's clock. */
async function isFree({ spec }: Lease, here: string): Promise<boolean> {
  if (!spec.holderIdentity) return true;
  const [machine, pid, started] = spec.holderIdentity.split("/");
  return machine === here && (await processStartTime(Number(pid))) !== started;
}

/** Host name, and a digest of boot and pid namespace: processes of the same name can be looked up here. */
async function machineName(): Promise<string> {
  const { host, boot, namespace } = await machineIdentity();
  return `${host}.${createHash("sha256").update(`${boot}${namespace}`).digest("hex").slice(0, 8)}`;
}

/** Where a stack's Lease is. */
export function stackLeaseReference(stack: string): {
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
} {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    namespace: DAYZERO_NAMESPACE,
    name: `dayzero-${stack}`,
  };
}

function describe(holder: string): string {
  const [machine, pid] = holder.split("/");
  return pid === undefined ? holder : `process ${pid} on ${machine?.replace(/\.[0-9a-f]{8}$/, "")}`;
}

function busy(stack: string, holder: string): DayzeroError {
  return new DayzeroError("STACK_BUSY", `stack "${stack}" is being changed by ${describe(holder)}`, {
    hint: "wait until it is done",
  });
}

/** MicroTime of the Kubernetes API: RFC 3339 with microseconds. */
function microTime(): string {
  return new Date().toISOString().replace("Z", "000Z");
}
