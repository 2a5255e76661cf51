import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Context } from "../../resources/Resource.ts";
import type { AnyHandler } from "../Handler.ts";
import { isNotThere } from "../isNotThere.ts";
import type { LeasedCluster } from "../LeasedCluster.ts";
import type { Properties } from "../propertyValues.ts";
import type { ResourceEvent } from "./ConvergeEvent.ts";

interface Options {
  /** The run's own, without its Lease: it tells which server is the stack's. */
  readonly context: Context;
  readonly cluster: Pick<LeasedCluster, "hold">;
  readonly environment: Readonly<Record<string, string>>;
}

interface Provider {
  /** Absent in a plan when there is no cluster yet. */
  readonly client: KubernetesClient | undefined;
  readonly handler: AnyHandler;
}

/** Type of the objects in the stack's own cluster, whoever declares them. */
const OBJECT = "dayzero:kubernetes:Object";

/**
 * The Kubernetes providers of a program that uses @pulumi/kubernetes, by URN: a client for each, and the handler of the objects that
 * name it.
 *
 * Providers of one server are one cluster: their objects are in one inventory and of one handler type, so that none of them takes the
 * others' objects for dropped ones. In the stack's own cluster that is the type and the inventory of `dayzero:kubernetes:Object`. A
 * server is known by its URL: two URLs are two clusters.
 */
export class KubernetesProviders {
  readonly #options: Options;
  readonly #providers = new Map<string, Provider>();

  constructor(options: Options) {
    this.#options = options;
  }

  async register({ urn, name, type }: ResourceEvent, inputs: Properties, ctx: Context): Promise<void> {
    if (type !== "pulumi:providers:kubernetes") {
      throw new DayzeroError("HANDLER_MISSING", `no handler for "${type}" in \`dayzero up\``, {
        hint: `run \`pulumi up -s ${ctx.stack}\``,
      });
    }
    const client = inputs.unknown.length > 0 ? undefined : await this.#connect(inputs.values);
    const { KubernetesHandler } = await import("../../resources/kubernetes/KubernetesHandler.ts");
    const handler = new KubernetesHandler({
      type: client !== undefined && (await this.#isOwn(client)) ? OBJECT : `kubernetes (${client?.server ?? name})`,
      connect: async () => client ?? Promise.reject(notThere()),
    });
    this.#providers.set(urn, { client, handler });
  }

  /** The handler for objects of the provider that `reference` (`<urn>::<id>`) names. */
  handler(reference: string): AnyHandler {
    const provider = this.#providers.get(reference.slice(0, reference.lastIndexOf("::")));
    if (provider !== undefined) return provider.handler;
    throw new DayzeroError("PROVIDER_MISSING", "it names no Kubernetes provider", {
      hint: "pass `provider: new kubernetes.Provider(...)`: an ambient kubeconfig is never used",
    });
  }

  /** One handler for each cluster that is not the stack's own: for what the stack owns there. */
  others(): AnyHandler[] {
    const connected = [...this.#providers.values()].filter(({ client }) => client !== undefined);
    const byType = new Map(connected.map(({ handler }) => [handler.type, handler]));
    byType.delete(OBJECT);
    return [...byType.values()];
  }

  async close(): Promise<void> {
    await Promise.all([...this.#providers.values()].map(({ client }) => client?.close()));
  }

  async #connect({ kubeconfig }: Record<string, unknown>): Promise<KubernetesClient | undefined> {
    if (typeof kubeconfig !== "string") {
      throw new DayzeroError("INPUTS_INVALID", "its inputs are not valid: kubeconfig: a path or YAML is required", {
        hint: "give the Kubernetes provider a kubeconfig in the program",
      });
    }
    const { loadKubeconfig } = await import("../../clients/Kubeconfig.ts");
    let client: KubernetesClient;
    try {
      client = loadKubeconfig(kubeconfig, { environment: this.#options.environment });
    } catch (error) {
      if (this.#options.context.dryRun && isNotThere(error)) return undefined;
      throw error;
    }
    return this.#options.cluster.hold(client);
  }

  async #isOwn({ server }: KubernetesClient): Promise<boolean> {
    try {
      return (await this.#options.context.kubernetes()).server === server;
    } catch {
      // The stack's own cluster cannot be reached; another one can.
      return false;
    }
  }
}

function notThere(): DayzeroError {
  return new DayzeroError("CLUSTER_NOT_RUNNING", "the cluster is not there yet", {
    hint: "run dayzero up: it starts the cluster first",
  });
}
