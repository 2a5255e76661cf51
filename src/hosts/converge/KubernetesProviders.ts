import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { KubernetesInventory } from "../../resources/kubernetes/KubernetesInventory.ts";
import type { Context } from "../../resources/Resource.ts";
import type { ResourceEvent } from "./ConvergeEvent.ts";
import type { AnyHandler } from "./Handler.ts";
import { isNotThere } from "./isNotThere.ts";
import type { Properties } from "./propertyValues.ts";
import type { StackLease } from "./StackLease.ts";

interface Provider {
  /** Absent in a plan when there is no cluster yet. */
  readonly client: KubernetesClient | undefined;
  /** One without and one with the mark of a protected object. */
  readonly handlers: { readonly plain: AnyHandler; readonly protecting: AnyHandler };
}

/**
 * The program's Kubernetes providers, by URN: a client for each, and the handler of the objects that name it.
 *
 * Providers of one server are one cluster: their objects are in one inventory and of one handler type, so that none of them takes the
 * others' objects for dropped ones. A server is known by its URL: two URLs are two clusters.
 *
 * With the first provider of a run that writes comes the stack's Lease. It is looked at before each resource is applied or removed, not
 * at each request: one that was lost stops the next step, and `onLost` aborts those under way.
 */
export class KubernetesProviders {
  readonly #dryRun: boolean;
  readonly #environment: Readonly<Record<string, string>>;
  /** Called when the lease is lost. */
  readonly #onLost: (error: Error) => void;
  readonly #providers = new Map<string, Provider>();
  readonly #inventories = new Map<string, KubernetesInventory>();
  #lease: Promise<StackLease> | undefined;
  #held: StackLease | undefined;

  constructor(options: {
    dryRun: boolean;
    environment: Readonly<Record<string, string>>;
    onLost: (error: Error) => void;
  }) {
    this.#dryRun = options.dryRun;
    this.#environment = options.environment;
    this.#onLost = options.onLost;
  }

  async register({ urn, name, type }: ResourceEvent, inputs: Properties, ctx: Context): Promise<void> {
    if (type !== "pulumi:providers:kubernetes") {
      throw new DayzeroError("HANDLER_MISSING", `no handler for "${type}" in \`dayzero up\``, {
        hint: `run \`pulumi up -s ${ctx.stack}\``,
      });
    }
    const client = inputs.unknown.length > 0 ? undefined : await this.#connect(inputs.values, ctx);
    const { KubernetesHandler } = await import("../../resources/kubernetes/KubernetesHandler.ts");
    const { KubernetesInventory } = await import("../../resources/kubernetes/KubernetesInventory.ts");
    const server = client?.server ?? name;
    const inventory = client && (this.#inventories.get(server) ?? new KubernetesInventory(client, ctx.stack));
    if (inventory !== undefined) this.#inventories.set(server, inventory);
    const handled = `kubernetes (${server})`;
    const handlerWith = (protect: boolean): AnyHandler =>
      new KubernetesHandler({ type: handled, client, inventory, protect });
    this.#providers.set(urn, { client, handlers: { plain: handlerWith(false), protecting: handlerWith(true) } });
  }

  /** The handler for objects of the provider that `reference` (`<urn>::<id>`) names. */
  handler(reference: string, options: { protect: boolean }): AnyHandler {
    const provider = this.#providers.get(reference.slice(0, reference.lastIndexOf("::")));
    if (provider === undefined) {
      throw new DayzeroError("PROVIDER_MISSING", "it names no Kubernetes provider", {
        hint: "pass `provider: new KubernetesProvider(...)`: an ambient kubeconfig is never used",
      });
    }
    return options.protect ? provider.handlers.protecting : provider.handlers.plain;
  }

  /** One handler per cluster: for what the stack owns there. */
  all(): AnyHandler[] {
    const connected = [...this.#providers.values()].filter(({ client }) => client !== undefined);
    return [...new Map(connected.map(({ handlers: { plain } }) => [plain.type, plain])).values()];
  }

  /** Throws when the run has lost its lease: nothing may be written any more. */
  assertLease(): void {
    this.#held?.assertHeld();
  }

  /** Gives the lease back and closes the connections. */
  async close(): Promise<void> {
    const lease = await this.#lease?.catch(() => undefined);
    await lease?.release();
    await Promise.all([...this.#providers.values()].map(({ client }) => client?.close()));
  }

  async #connect({ kubeconfig }: Record<string, unknown>, ctx: Context): Promise<KubernetesClient | undefined> {
    if (typeof kubeconfig !== "string") {
      throw new DayzeroError("INPUTS_INVALID", "its inputs are not valid: kubeconfig: a path or YAML is required", {
        hint: "give the Kubernetes provider a kubeconfig in the program",
      });
    }
    const { loadKubeconfig } = await import("../../clients/Kubeconfig.ts");
    let client: KubernetesClient;
    try {
      client = loadKubeconfig(kubeconfig, { environment: this.#environment });
    } catch (error) {
      if (this.#dryRun && isNotThere(error)) return undefined;
      throw error;
    }
    if (!this.#dryRun) {
      this.#lease ??= this.#acquire(client, ctx);
      await this.#lease;
    }
    return client;
  }

  async #acquire(client: KubernetesClient, ctx: Context): Promise<StackLease> {
    const { StackLease } = await import("./StackLease.ts");
    const lease = await StackLease.acquire({
      client,
      stack: ctx.stack,
      narrate: ctx.narrate,
      signal: ctx.signal,
      onLost: this.#onLost,
    });
    this.#held = lease;
    return lease;
  }
}
