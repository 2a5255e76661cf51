import { type KubernetesClient, type KubernetesManifest, referenceOf } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { nudgeOf, RETRYING, type Readiness, readinessOf } from "./readiness.ts";

interface AwaitOptions {
  readonly client: KubernetesClient;
  readonly narrate: (message: string) => void;
  readonly signal: AbortSignal;
}

/** An error that the object reports is final when it lasts this long without a change. */
const FAILING_MS = 20_000;
const TIMEOUT_MS = 120_000;
const NUDGE_EVERY_MS = 3_000;
const RECONNECT_MS = 250;

/**
 * Watches an object until it is ready and returns it as it then is.
 *
 * Rejects with OBJECT_NOT_READY, naming the object and what it says about itself: at the timeout, or once it has reported
 * the same failure for 20 seconds.
 */
export async function awaitReadiness(object: KubernetesManifest, options: AwaitOptions): Promise<KubernetesManifest> {
  const first = readinessOf(object);
  if (first.state === "ready") return object;
  const watcher = new ReadinessWatcher(object, first, options);
  return watcher.run();
}

class ReadinessWatcher {
  readonly #options: AwaitOptions;
  readonly #deadline: number;
  #object: KubernetesManifest;
  #readiness: Readiness;
  #since = performance.now();
  #wake: () => void = () => undefined;
  #nudgedAt = Number.NEGATIVE_INFINITY;

  constructor(object: KubernetesManifest, readiness: Readiness, options: AwaitOptions) {
    this.#object = object;
    this.#readiness = readiness;
    this.#options = options;
    this.#deadline = performance.now() + TIMEOUT_MS;
    // One that is new is looked at anyway: to ask for it at once would cost its controller a second look.
    if (object.status === undefined) this.#nudgedAt = performance.now();
  }

  async run(): Promise<KubernetesManifest> {
    const { signal } = this.#options;
    this.#narrate();
    const done = new AbortController();
    const watching = this.#watch(AbortSignal.any([signal, done.signal]));
    try {
      while (this.#readiness.state !== "ready") {
        signal.throwIfAborted();
        this.#giveUpIfDue();
        await this.#nudge();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          setTimeout(resolve, RECONNECT_MS);
        });
      }
      return this.#object;
    } finally {
      done.abort();
      await watching;
    }
  }

  /** Each watch begins with the object's present state, so that nothing is missed between two of them. */
  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const event of this.#options.client.watch(referenceOf(this.#object), signal)) {
          if (event.type === "ADDED" || event.type === "MODIFIED") this.#saw(event.object);
        }
      } catch {
        // Whether a server that stays away is waited for is for the deadline to say.
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    }
  }

  #saw(object: KubernetesManifest): void {
    const found = readinessOf(object);
    const readiness = found === RETRYING && this.#readiness.state === "failing" ? this.#readiness : found;
    this.#object = object;
    this.#wake();
    const same = describe(readiness) === describe(this.#readiness);
    this.#readiness = readiness;
    if (same) return;
    this.#since = performance.now();
    if (readiness.state !== "ready") this.#narrate();
  }

  async #nudge(): Promise<void> {
    const annotations = nudgeOf(this.#object, this.#readiness);
    if (annotations === undefined || performance.now() - this.#nudgedAt < NUDGE_EVERY_MS) return;
    this.#nudgedAt = performance.now();
    // One that does not arrive is followed by another; how long a server may stay away is for the deadline to say.
    await this.#options.client
      .mergePatch(referenceOf(this.#object), { metadata: { annotations } })
      .catch(() => undefined);
  }

  #giveUpIfDue(): void {
    const now = performance.now();
    const failed = this.#readiness.state === "failing" && now - this.#since > FAILING_MS;
    if (failed || now > this.#deadline) throw notReady(this.#object, this.#readiness);
  }

  #narrate(): void {
    this.#options.narrate(`waiting for ${nameOf(this.#object)}: ${describe(this.#readiness)}`);
  }
}

function notReady(object: KubernetesManifest, readiness: Readiness): DayzeroError {
  return new DayzeroError("OBJECT_NOT_READY", `${nameOf(object)} is not ready: ${describe(readiness)}`, {
    hint: "correct what it reports, then run `dayzero up` again",
  });
}

/** `Application argocd/root`. */
export function nameOf({ kind, metadata }: KubernetesManifest): string {
  return `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;
}

function describe(readiness: Readiness): string {
  return readiness.state === "ready" ? "ready" : readiness.reason;
}
