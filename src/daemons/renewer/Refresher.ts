import type { KubernetesClient, KubernetesReference } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { REFRESH_ANNOTATION } from "../../manifests/argocd/refreshAnnotation.ts";

const LOOK_MS = 50;
/** A controller that leaves the last request lying for so long is not running; it will look by itself when it is. */
const PATIENCE_MS = 30_000;

/**
 * Asks Argo CD to look at an Application, so that no request is lost: one that is set while the last one is still there would be
 * taken off together with it, and the commit behind it found only at the next poll. Requests that come meanwhile become one.
 */
export class Refresher {
  readonly #client: KubernetesClient;
  readonly #application: KubernetesReference;
  readonly #onFailure: (error: unknown) => void;
  #isWanted = false;
  #running: Promise<void> | undefined;

  constructor(options: {
    client: KubernetesClient;
    application: KubernetesReference;
    onFailure: (error: unknown) => void;
  }) {
    this.#client = options.client;
    this.#application = options.application;
    this.#onFailure = options.onFailure;
  }

  /** Resolves when the request is sure to be made, before it is; rejects when the Application cannot be asked. */
  async request(): Promise<void> {
    await this.#isPending();
    this.#isWanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    try {
      while (this.#isWanted) {
        const deadline = performance.now() + PATIENCE_MS;
        while ((await this.#isPending()) && performance.now() < deadline) {
          await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        }
        // Whoever asked by now is served by this one; who asks while it is under way gets another.
        this.#isWanted = false;
        await this.#client.mergePatch(this.#application, {
          metadata: { annotations: { [REFRESH_ANNOTATION]: "normal" } },
        });
      }
    } catch (error) {
      this.#onFailure(error);
    }
  }

  async #isPending(): Promise<boolean> {
    const found = await this.#client.get(this.#application);
    if (found !== undefined) return found.metadata.annotations?.[REFRESH_ANNOTATION] !== undefined;
    const { namespace, name } = this.#application;
    throw new DayzeroError("APPLICATION_MISSING", `cannot refresh Application ${namespace}/${name}: there is none`, {
      hint: "run `dayzero up`: it makes the Application again",
    });
  }
}
