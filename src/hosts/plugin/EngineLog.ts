import grpc from "@grpc/grpc-js";
import engineService from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engine from "@pulumi/pulumi/proto/engine_pb.js";
import type { Severity } from "./ResourceProvider.ts";

/** Longer than any run: gRPC would let go of a connection on which nothing was said for half an hour. */
const IDLE_MS = 2 ** 31 - 1;

const REACHED_WITHIN_MS = 15_000;

const SEVERITIES = {
  info: engine.LogSeverity.INFO,
  warning: engine.LogSeverity.WARNING,
  error: engine.LogSeverity.ERROR,
} as const;

/** The way back to the engine: what a person is to read, and the sign that it is gone. */
export class EngineLog {
  readonly #onGone: (error: Error) => void;
  #client: InstanceType<typeof engineService.EngineClient> | undefined;
  #address = "";
  #pending: Promise<unknown> = Promise.resolve();

  /** `onGone` is called when an engine that was reached has closed its end, or one has not been reached in time. */
  constructor(onGone: (error: Error) => void) {
    this.#onGone = onGone;
  }

  /** Connects to the engine; the same address again changes nothing. */
  attach(address: string): void {
    if (address === "" || address === this.#address) return;
    this.close();
    this.#address = address;
    const client = new engineService.EngineClient(address, grpc.credentials.createInsecure(), {
      "grpc.client_idle_timeout_ms": IDLE_MS,
    });
    this.#client = client;
    this.#watch(client);
  }

  /** In the order in which it was said. What cannot be delivered is lost. */
  tell(severity: Severity, message: string, { urn, ephemeral }: { urn: string; ephemeral: boolean }): void {
    const client = this.#client;
    if (client === undefined) return;
    const request = new engine.LogRequest();
    request.setSeverity(SEVERITIES[severity]);
    request.setMessage(message);
    request.setUrn(urn);
    request.setEphemeral(ephemeral);
    this.#pending = this.#pending.then(() => new Promise<void>((resolve) => client.log(request, () => resolve())));
  }

  /** Resolves when everything said is delivered, or lost. */
  async flush(): Promise<void> {
    await this.#pending;
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  #watch(client: InstanceType<typeof engineService.EngineClient>): void {
    const channel = client.getChannel();
    let reached = false;
    // An engine listens before it starts a plugin: one that cannot be reached has died in between.
    const late = setTimeout(() => {
      if (this.#client === client && !reached) this.#onGone(new Error("the Pulumi engine was never reached"));
    }, REACHED_WITHIN_MS);
    late.unref();
    const look = (): void => {
      if (this.#client !== client) return;
      const state = channel.getConnectivityState(true);
      if (state === grpc.connectivityState.READY) reached = true;
      else if (reached) {
        this.#onGone(new Error("the Pulumi engine is gone"));
        return;
      }
      // An error means that the channel was closed from this side.
      channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, (error) => {
        if (error === undefined) look();
      });
    };
    look();
  }
}
