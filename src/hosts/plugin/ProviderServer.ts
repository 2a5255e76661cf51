import grpc from "@grpc/grpc-js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import providerService from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { failureOf } from "../../config/failureOf.ts";
import type { Difference } from "./Difference.ts";
import { isOwnPeer } from "./isOwnPeer.ts";
import type { ResourceProvider, Wire } from "./ResourceProvider.ts";
import { wireOf } from "./wireOf.ts";

interface ProviderServerOptions {
  readonly provider: ResourceProvider;
  readonly version: string;
  /** The engine told where it listens. */
  readonly onEngine: (address: string) => void;
}

/** A Kubernetes object has 1.5 MB at most (etcd's own limit), and a request holds three versions of one. */
const MAX_REQUEST_BYTES = 4_500_000;
const STRANGER = new DayzeroError("PEER_REFUSED", "cannot answer: only the user who runs this plugin is answered", {
  hint: "run `pulumi up` as the user who is to own the stack",
});

const { PropertyDiff, DiffResponse } = messages;
const { Kind } = PropertyDiff;

/**
 * Pulumi's ResourceProvider protocol (provider.proto of Pulumi's repository): the wire, and nothing else.
 *
 * The provider server that comes with the SDK (@pulumi/pulumi/provider/server.js) is not used: it drops the preview flag of Create and
 * Update, and its Diff has no detailed differences.
 *
 * It listens on a loopback port without authentication, because the protocol knows nothing else. Other users of the machine can reach
 * it while a run goes on, as they can reach every provider; on Linux they are refused. `dayzero up` listens on a socket in a 0700 folder.
 */
export class ProviderServer {
  readonly port: number;
  readonly #server: grpc.Server;
  readonly #calls: ReadonlySet<Promise<unknown>>;

  private constructor(server: grpc.Server, port: number, calls: ReadonlySet<Promise<unknown>>) {
    this.#server = server;
    this.port = port;
    this.#calls = calls;
  }

  static async listen(options: ProviderServerOptions): Promise<ProviderServer> {
    const server = new grpc.Server({
      "grpc.max_receive_message_length": MAX_REQUEST_BYTES,
    });
    const calls = new Set<Promise<unknown>>();
    const at = { port: 0 };
    server.addService(providerService.ResourceProviderService, implementation(options, calls, at));
    at.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(error);
        else resolve(bound);
      });
    });
    return new ProviderServer(server, at.port, calls);
  }

  /**
   * Resolves when the calls under way are answered, or `patienceMs` are over, and with all connections closed. It does not wait for
   * the other end to close them, as the server's own graceful shutdown does: the engine keeps its connection until the plugin is gone.
   */
  async close(patienceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise((resolve) => {
      timer = setTimeout(resolve, patienceMs);
    });
    await Promise.race([Promise.allSettled(this.#calls), over]);
    clearTimeout(timer);
    this.#server.forceShutdown();
  }
}

function implementation(
  { provider, version, onEngine }: ProviderServerOptions,
  calls: Set<Promise<unknown>>,
  at: { readonly port: number },
): grpc.UntypedServiceImplementation {
  const unary = <Request>(answer: (message: Request) => unknown): grpc.UntypedHandleCall => {
    const handle: grpc.handleUnaryCall<unknown, unknown> = (call, callback) => {
      const answered = isOwnPeer(call.getPeer(), at.port)
        .then((isOwn) => (isOwn ? answer(call.request as Request) : Promise.reject(STRANGER)))
        .then(
          (response) => callback(null, response),
          (error: unknown) => callback({ code: codeOf(error), details: provider.redact(describe(error)) }),
        )
        .finally(() => calls.delete(answered));
      calls.add(answered);
    };
    return handle as grpc.UntypedHandleCall;
  };
  const unimplemented = (why: string): grpc.UntypedHandleCall => {
    const handle: grpc.handleUnaryCall<unknown, unknown> = (_call, callback) =>
      callback({ code: grpc.status.UNIMPLEMENTED, details: why });
    return handle as grpc.UntypedHandleCall;
  };
  const target = (message: { getUrn(): string; getType(): string }) => ({
    urn: message.getUrn(),
    type: message.getType(),
  });

  return {
    handshake: unary((message: InstanceType<typeof messages.ProviderHandshakeRequest>) => {
      onEngine(message.getEngineAddress());
      // What a provider with a Handshake has to say (provider.proto); resources and output values are refused, or plain, without these.
      return new messages.ProviderHandshakeResponse().setAcceptSecrets(true).setAcceptResources(true);
    }),
    attach: unary((message: InstanceType<typeof plugin.PluginAttach>) => {
      onEngine(message.getAddress());
      return new empty.Empty();
    }),
    getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(version)),
    getSchema: unary(async () => {
      const { packageSchema } = await import("./packageSchema.ts");
      return new messages.GetSchemaResponse().setSchema(JSON.stringify(await packageSchema(version)));
    }),
    checkConfig: unary((message: InstanceType<typeof messages.CheckRequest>) =>
      new messages.CheckResponse().setInputs(structOf(wireOf(message.getNews()))),
    ),
    // Configuration says where things are and what to make; the resources tell what follows from it. None of them has to go for it.
    diffConfig: unary((message: InstanceType<typeof messages.DiffRequest>) => {
      const [olds, news] = [message.getOldInputs() ?? message.getOlds(), message.getNews()].map((each) =>
        JSON.stringify(Object.entries(wireOf(each)).sort()),
      );
      const { DIFF_NONE, DIFF_SOME } = DiffResponse.DiffChanges;
      return new DiffResponse().setChanges(olds === news ? DIFF_NONE : DIFF_SOME);
    }),
    /*
     * Secrets are accepted, so they arrive marked and go back marked, each in its own property. Were they not, the engine would send
     * them plain and guess afterwards which outputs are secret.
     */
    configure: unary((message: InstanceType<typeof messages.ConfigureRequest>) => {
      provider.configure(wireOf(message.getArgs()));
      return new messages.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true).setAcceptresources(true);
    }),
    check: unary(async (message: InstanceType<typeof messages.CheckRequest>) => {
      const { inputs, failures } = await provider.check(target(message), wireOf(message.getNews()));
      return new messages.CheckResponse()
        .setInputs(structOf(inputs))
        .setFailuresList(
          failures.map(({ property, reason }) => new messages.CheckFailure().setProperty(property).setReason(reason)),
        );
    }),
    diff: unary(async (message: InstanceType<typeof messages.DiffRequest>) =>
      diffResponse(
        await provider.diff(target(message), {
          id: message.getId(),
          olds: wireOf(message.getOlds()),
          news: wireOf(message.getNews()),
          oldInputs: wireOf(message.getOldInputs()),
        }),
      ),
    ),
    create: unary(async (message: InstanceType<typeof messages.CreateRequest>) => {
      const { id, properties } = await provider.create(target(message), {
        properties: wireOf(message.getProperties()),
        preview: message.getPreview(),
        timeout: message.getTimeout(),
      });
      return new messages.CreateResponse().setId(id).setProperties(structOf(properties));
    }),
    read: unary(async (message: InstanceType<typeof messages.ReadRequest>) => {
      const found = await provider.read(target(message), {
        id: message.getId(),
        inputs: wireOf(message.getInputs()),
        timeout: message.getTimeout(),
      });
      // Without an identity: there is none.
      if (found === undefined) return new messages.ReadResponse();
      const { id, properties, inputs } = found;
      return new messages.ReadResponse().setId(id).setProperties(structOf(properties)).setInputs(structOf(inputs));
    }),
    update: unary(async (message: InstanceType<typeof messages.UpdateRequest>) => {
      const { properties } = await provider.update(target(message), {
        id: message.getId(),
        news: wireOf(message.getNews()),
        preview: message.getPreview(),
        timeout: message.getTimeout(),
      });
      return new messages.UpdateResponse().setProperties(structOf(properties));
    }),
    delete: unary(async (message: InstanceType<typeof messages.DeleteRequest>) => {
      await provider.delete(target(message), { id: message.getId(), timeout: message.getTimeout() });
      return new empty.Empty();
    }),
    cancel: unary(() => {
      provider.cancel(new DayzeroError("CANCELLED", "it was cancelled", { hint: "run `pulumi up` to go on" }));
      return new empty.Empty();
    }),
    invoke: unimplemented("dayzero has no functions: what there is to know, its resources say in their outputs"),
    call: unimplemented("dayzero's resources have no methods"),
    construct: unimplemented("dayzero's components run in the program: import them from the npm package dayzero"),
    parameterize: unimplemented("dayzero is one package, and takes no parameters"),
    list: unimplemented("dayzero lists nothing: `dayzero status` tells what a stack has"),
    getMapping: unimplemented("dayzero maps nothing of other ecosystems"),
    getMappings: unimplemented("dayzero maps nothing of other ecosystems"),
  };
}

function codeOf(error: unknown): grpc.status {
  return error === STRANGER ? grpc.status.PERMISSION_DENIED : grpc.status.UNKNOWN;
}

/** What a person reads: the code is what documentation and scripts refer to. */
function describe(error: unknown): string {
  const { code, message, hint } = failureOf(error);
  return `${message} [${code}]\nhint: ${hint}`;
}

function diffResponse({ changed, paths, diffs, deleteBeforeReplace }: Difference): InstanceType<typeof DiffResponse> {
  const { DIFF_NONE, DIFF_SOME } = DiffResponse.DiffChanges;
  const response = new DiffResponse()
    .setChanges(changed ? DIFF_SOME : DIFF_NONE)
    .setDiffsList([...diffs])
    .setReplacesList([...paths].filter(([, { replace }]) => replace).map(([path]) => path))
    // Also where nothing is replaced: a person may ask the engine for it.
    .setDeletebeforereplace(deleteBeforeReplace)
    .setHasdetaileddiff(paths.size > 0);
  for (const [path, { replace, input }] of paths) {
    const kind = replace ? Kind.UPDATE_REPLACE : Kind.UPDATE;
    response.getDetaileddiffMap().set(path, new PropertyDiff().setKind(kind).setInputdiff(input));
  }
  return response;
}

function structOf(properties: Wire): InstanceType<typeof struct.Struct> {
  return struct.Struct.fromJavaScript(JSON.parse(JSON.stringify(properties)));
}
