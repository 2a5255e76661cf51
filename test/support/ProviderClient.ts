import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import engineService from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import type engine from "@pulumi/pulumi/proto/engine_pb.js";
import providerService from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";

/** What the engine starts. */
export const SHIM = fileURLToPath(new URL("../../bin/pulumi-resource-dayzero", import.meta.url));
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";

/** The signature of Pulumi's property values, and what a preview sends for a value that is not known yet. */
export const SIGNATURE = "4dabf18193072939515e22adb298388d";
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export type Wire = Record<string, unknown>;

export interface Difference {
  readonly changed: boolean;
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean;
  /** Property path -> kind: 4 is an update, 5 one that replaces. */
  readonly detailed: Readonly<Record<string, number>>;
}

interface StartOptions {
  /** Folder of a Pulumi.yaml. */
  readonly project: string;
  readonly stack: string;
  readonly config: Readonly<Record<string, string>>;
}

/** As a program's `pulumi.secret(value)` arrives at a provider. */
export function secret(value: unknown): Wire {
  return { [SIGNATURE]: SECRET_SIGNATURE, value };
}

/** The engine's end of Pulumi's provider protocol, on the real plugin process: the plugin is started as the engine starts it. */
export class ProviderClient {
  /** Everything that the plugin told the engine. */
  readonly logs: { severity: number; message: string; urn: string; ephemeral: boolean }[] = [];
  /** All that it wrote. */
  stdout = "";
  stderr = "";
  /** From starting the process to its first answer. */
  startMs = 0;
  readonly exited: Promise<number | null>;
  readonly #options: StartOptions;
  readonly #child: ChildProcess;
  readonly #engine: grpc.Server;
  #client: InstanceType<typeof providerService.ResourceProviderClient> | undefined;

  private constructor(options: StartOptions, server: grpc.Server, port: number) {
    this.#options = options;
    this.#engine = server;
    server.addService(engineService.EngineService, {
      log: (call: { request: engine.LogRequest }, callback: (error: null, response: object) => void) => {
        const { request } = call;
        this.logs.push({
          severity: request.getSeverity(),
          message: request.getMessage(),
          urn: request.getUrn(),
          ephemeral: request.getEphemeral(),
        });
        callback(null, new empty.Empty());
      },
      getRootResource: refuse,
      setRootResource: refuse,
      startDebugging: refuse,
      requirePulumiVersion: refuse,
    });
    this.#child = spawn(SHIM, [`127.0.0.1:${port}`], {
      cwd: options.project,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, XDG_CACHE_HOME: process.env.XDG_CACHE_HOME },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdout?.on("data", (chunk) => {
      this.stdout += chunk;
    });
    this.#child.stderr?.on("data", (chunk) => {
      this.stderr += chunk;
    });
  }

  static async start(options: StartOptions): Promise<ProviderClient> {
    const since = performance.now();
    const server = new grpc.Server();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    const self = new ProviderClient(options, server, port);
    await Promise.race([
      new Promise<void>((resolve) => self.#child.stdout?.once("data", () => resolve())),
      self.exited.then((code) => Promise.reject(new Error(`the plugin ended with ${code}: ${self.stderr}`))),
    ]);
    const address = `127.0.0.1:${self.stdout.trim()}`;
    self.#client = new providerService.ResourceProviderClient(address, grpc.credentials.createInsecure());
    const handshake = new messages.ProviderHandshakeRequest().setEngineAddress(`127.0.0.1:${port}`);
    await self.call("handshake", handshake);
    self.startMs = performance.now() - since;
    const { config } = options;
    await self.call(
      "configure",
      new messages.ConfigureRequest()
        .setArgs(structOf(config))
        .setAcceptsecrets(true)
        .setAcceptresources(true)
        .setSendsOldInputs(true),
    );
    return self;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  urn(type: string, name: string): string {
    return `urn:pulumi:${this.#options.stack}::dayzero::${type}::${name}`;
  }

  /** One call of the protocol; rejects with the gRPC error. */
  // biome-ignore lint/suspicious/noExplicitAny: responses of all kinds
  call(method: string, request: unknown): Promise<any> {
    return new Promise((resolve, reject) => {
      const client = this.#client as unknown as Record<string, (request: unknown, done: unknown) => void>;
      client[method]?.(request, (error: Error | null, response: unknown) =>
        error ? reject(error) : resolve(response),
      );
    });
  }

  async check(type: string, name: string, news: Wire): Promise<{ inputs: Wire; failures: Record<string, string> }> {
    const request = new messages.CheckRequest().setUrn(this.urn(type, name)).setType(type).setName(name);
    const response: InstanceType<typeof messages.CheckResponse> = await this.call(
      "check",
      request.setNews(structOf(news)),
    );
    const failures = response.getFailuresList().map((each) => [each.getProperty(), each.getReason()]);
    return { inputs: wireOf(response.getInputs()), failures: Object.fromEntries(failures) };
  }

  async create(
    type: string,
    name: string,
    inputs: Wire,
    preview = false,
    timeout = 0,
  ): Promise<{ id: string; properties: Wire }> {
    const request = new messages.CreateRequest().setUrn(this.urn(type, name)).setType(type).setName(name);
    const response: InstanceType<typeof messages.CreateResponse> = await this.call(
      "create",
      request.setProperties(structOf(inputs)).setPreview(preview).setTimeout(timeout),
    );
    return { id: response.getId(), properties: wireOf(response.getProperties()) };
  }

  async diff(
    type: string,
    name: string,
    of: { id: string; olds: Wire; oldInputs: Wire; news: Wire },
  ): Promise<Difference> {
    const request = new messages.DiffRequest().setUrn(this.urn(type, name)).setType(type).setName(name);
    request.setId(of.id).setOlds(structOf(of.olds)).setOldInputs(structOf(of.oldInputs)).setNews(structOf(of.news));
    const response: InstanceType<typeof messages.DiffResponse> = await this.call("diff", request);
    const detailed: Record<string, number> = {};
    response.getDetaileddiffMap().forEach((value, path) => {
      detailed[path] = value.getKind();
    });
    return {
      changed: response.getChanges() === messages.DiffResponse.DiffChanges.DIFF_SOME,
      replaces: response.getReplacesList(),
      deleteBeforeReplace: response.getDeletebeforereplace(),
      detailed,
    };
  }

  async update(
    type: string,
    name: string,
    of: { id: string; olds: Wire; oldInputs: Wire; news: Wire; preview?: boolean; timeout?: number },
  ): Promise<Wire> {
    const request = new messages.UpdateRequest().setUrn(this.urn(type, name)).setType(type).setName(name);
    request.setId(of.id).setOlds(structOf(of.olds)).setOldInputs(structOf(of.oldInputs)).setNews(structOf(of.news));
    const response: InstanceType<typeof messages.UpdateResponse> = await this.call(
      "update",
      request.setPreview(of.preview ?? false).setTimeout(of.timeout ?? 0),
    );
    return wireOf(response.getProperties());
  }

  /** Without inputs and properties it is an import. */
  async read(
    type: string,
    name: string,
    of: { id: string; inputs?: Wire; properties?: Wire },
  ): Promise<{ id: string; inputs: Wire; properties: Wire }> {
    const request = new messages.ReadRequest().setUrn(this.urn(type, name)).setType(type).setName(name).setId(of.id);
    if (of.inputs !== undefined) request.setInputs(structOf(of.inputs));
    if (of.properties !== undefined) request.setProperties(structOf(of.properties));
    const response: InstanceType<typeof messages.ReadResponse> = await this.call("read", request);
    return {
      id: response.getId(),
      inputs: wireOf(response.getInputs()),
      properties: wireOf(response.getProperties()),
    };
  }

  async delete(type: string, name: string, id: string): Promise<void> {
    const request = new messages.DeleteRequest().setUrn(this.urn(type, name)).setType(type).setName(name).setId(id);
    await this.call("delete", request);
  }

  async schema(): Promise<unknown> {
    const response: InstanceType<typeof messages.GetSchemaResponse> = await this.call(
      "getSchema",
      new messages.GetSchemaRequest(),
    );
    return JSON.parse(response.getSchema());
  }

  /** As a crash does: the plugin gets to do nothing any more. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
    this.#disconnect();
  }

  /** As the engine does at the end of a run. */
  async stop(): Promise<number | null> {
    this.#child.kill("SIGINT");
    const code = await this.exited;
    this.#disconnect();
    return code;
  }

  /** The engine dies, and the plugin finds out by itself. */
  loseEngine(): Promise<number | null> {
    this.#disconnect();
    return this.exited;
  }

  #disconnect(): void {
    this.#client?.close();
    this.#engine.forceShutdown();
  }
}

const refuse: grpc.handleUnaryCall<unknown, unknown> = (_call, callback) =>
  callback({ code: grpc.status.UNIMPLEMENTED, details: "not in this test" });

function structOf(properties: Wire): InstanceType<typeof struct.Struct> {
  return struct.Struct.fromJavaScript(JSON.parse(JSON.stringify(properties)));
}

function wireOf(message: { toJavaScript(): Record<string, unknown> } | undefined): Wire {
  return message?.toJavaScript() ?? {};
}
