import { mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import grpc from "@grpc/grpc-js";
import engineService from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engine from "@pulumi/pulumi/proto/engine_pb.js";
import monitorService from "@pulumi/pulumi/proto/resource_grpc_pb.js";
import monitor, { type RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { processExists } from "../../machine/processIdentity.ts";
import { socketPath } from "../../machine/socketPath.ts";
import { FATAL_STREAM, LEFT_OUT_STREAM } from "./ProgramSpec.ts";

/** A RegisterResource request: wire properties still carry Pulumi's signatures. */
export interface Registration {
  readonly type: string;
  readonly name: string;
  /** URN, "" for the stack itself. */
  readonly parent: string;
  readonly custom: boolean;
  /** `<urn>::<id>`, "" when the program named none. */
  readonly provider: string;
  readonly protect: boolean;
  readonly properties: Record<string, unknown>;
  readonly message: RegisterResourceRequest;
}

export interface Registered {
  readonly urn: string;
  /** "" while it is not known. */
  readonly id: string;
  readonly properties: Record<string, unknown>;
}

/** Who decides what is done about the program's requests. */
export interface ProgramListener {
  register(registration: Registration): Promise<Registered>;
  registerOutputs(urn: string, outputs: Record<string, unknown>): void;
  log(severity: "info" | "warning" | "error", message: string): void;
  /** It did not run code of its own, which may register more, because a value is not known yet. */
  programLeftOut(): void;
  /** Why the program ended, with its stack trace. */
  programFailed(message: string): void;
  /** The program asked for something that this host does not do. */
  refuse(error: DayzeroError): void;
  succeeded(): void;
}

type Unary = grpc.UntypedHandleCall;

/** By LogSeverity; debug messages go no further, because the SDK's quote secrets. */
const SEVERITIES = [undefined, "info", "warning", "error"] as const;
/** The SDK's own limit (settings.js). */
const MAX_MESSAGE_BYTES = 400 * 1024 * 1024;

/**
 * The ends of Pulumi's ResourceMonitor and Engine protocols that a program talks to.
 *
 * It listens on a Unix socket in a 0700 folder: whoever can register resources has the power of the run, so no other user may.
 * Errors go to the program as UNKNOWN: at UNAVAILABLE and CANCELLED the SDK stops without a word.
 */
export class ProgramServer {
  /** gRPC target for the program. */
  readonly address: string;
  readonly #server: grpc.Server;
  readonly #socket: string;
  readonly #madeFolders: readonly string[];
  #rootUrn = "";

  private constructor(server: grpc.Server, socket: string, madeFolders: readonly string[]) {
    this.#server = server;
    this.#socket = socket;
    this.#madeFolders = madeFolders;
    this.address = `unix:${socket}`;
  }

  static async listen(directory: string, listener: ProgramListener): Promise<ProgramServer> {
    const folder = join(directory, "run");
    const socket = socketPath(join(folder, `converge-${process.pid}.sock`));
    const made = foldersFrom(mkdirSync(folder, { recursive: true, mode: 0o700 }), folder);
    removeAbandoned(folder);
    const server = new grpc.Server({
      "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
      "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
    });
    const self = new ProgramServer(server, socket, made);
    server.addService(monitorService.ResourceMonitorService, self.#monitor(listener));
    server.addService(engineService.EngineService, self.#engine(listener));
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(self.address, grpc.ServerCredentials.createInsecure(), (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    return self;
  }

  /** Leaves no folder that was not there before, unless there is something in it by now: a plan changes nothing. */
  close(): void {
    this.#server.forceShutdown();
    rmSync(this.#socket, { force: true });
    for (const folder of this.#madeFolders) {
      try {
        rmdirSync(folder);
      } catch {
        // In use: so is everything above it.
        return;
      }
    }
  }

  #monitor(listener: ProgramListener): grpc.UntypedServiceImplementation {
    const features = monitor.ResourceMonitorFeature;
    const refuse = (what: string): Unary =>
      unary(() => {
        const error = unsupported(what);
        listener.refuse(error);
        throw error;
      });
    return {
      getDeploymentInfo: unary(() =>
        // What the SDK may send is announced, also where it is refused: then that is done here, by the resource's name.
        new monitor.DeploymentInfo().setSupportedfeaturesList([
          features.RESOURCE_MONITOR_FEATURE_SECRETS,
          features.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
          features.RESOURCE_MONITOR_FEATURE_TRANSFORMS,
          features.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
          features.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
          features.RESOURCE_MONITOR_FEATURE_STATE_MIGRATIONS,
          features.RESOURCE_MONITOR_FEATURE_RESOURCE_HOOKS,
          features.RESOURCE_MONITOR_FEATURE_ERROR_HOOKS,
          features.RESOURCE_MONITOR_FEATURE_INVOKE_TRANSFORMS,
        ]),
      ),
      supportsFeature: unary(() => new monitor.SupportsFeatureResponse().setHassupport(false)),
      registerResource: unary(async (message: RegisterResourceRequest) => {
        const registered = await listener.register({
          type: message.getType(),
          name: message.getName(),
          parent: message.getParent(),
          custom: message.getCustom(),
          provider: message.getProvider(),
          protect: message.getProtect() === true,
          properties: propertiesOf(message.getObject()),
          message,
        });
        return new monitor.RegisterResourceResponse()
          .setUrn(registered.urn)
          .setId(registered.id)
          .setObject(struct.Struct.fromJavaScript(JSON.parse(JSON.stringify(registered.properties))));
      }),
      registerResourceOutputs: unary((message: InstanceType<typeof monitor.RegisterResourceOutputsRequest>) => {
        listener.registerOutputs(message.getUrn(), propertiesOf(message.getOutputs()));
        return new empty.Empty();
      }),
      registerResourceHook: unary(() => new empty.Empty()),
      registerErrorHook: refuse("an error hook"),
      registerStackTransform: refuse("a transform of the stack"),
      registerStackInvokeTransform: refuse("a transform of invokes"),
      registerPackage: refuse("a parameterized package"),
      invoke: unary((message: InstanceType<typeof monitor.ResourceInvokeRequest>) => {
        const error = unsupported(`the invoke "${message.getTok()}"`);
        listener.refuse(error);
        throw error;
      }),
      call: refuse("a call of a remote method"),
      readResource: unary((message: InstanceType<typeof monitor.ReadResourceRequest>) => {
        const error = unsupported(`the read of "${message.getName()}" (${message.getType()})`);
        listener.refuse(error);
        throw error;
      }),
      existsResource: refuse("a look whether a resource exists"),
      signalAndWaitForShutdown: unary(() => {
        listener.succeeded();
        return new empty.Empty();
      }),
    };
  }

  #engine(listener: ProgramListener): grpc.UntypedServiceImplementation {
    return {
      log: unary((message: InstanceType<typeof engine.LogRequest>) => {
        const severity = SEVERITIES[message.getSeverity()];
        if (message.getStreamid() === FATAL_STREAM) listener.programFailed(message.getMessage());
        else if (message.getStreamid() === LEFT_OUT_STREAM) listener.programLeftOut();
        else if (severity !== undefined) listener.log(severity, message.getMessage());
        return new empty.Empty();
      }),
      getRootResource: unary(() => new engine.GetRootResourceResponse().setUrn(this.#rootUrn)),
      setRootResource: unary((message: InstanceType<typeof engine.SetRootResourceRequest>) => {
        this.#rootUrn = message.getUrn();
        return new engine.SetRootResourceResponse();
      }),
      startDebugging: unary(() => new empty.Empty()),
      requirePulumiVersion: unary(() => new engine.RequirePulumiVersionResponse()),
    };
  }
}

/** The folder and those above it, up to the topmost one that was made for it. */
function foldersFrom(topmost: string | undefined, folder: string): string[] {
  if (topmost === undefined) return [];
  return folder === topmost ? [folder] : [folder, ...foldersFrom(topmost, dirname(folder))];
}

/** Sockets of runs that were killed, and one that had this process's id. */
function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = Number(/^converge-(\d+)\.sock$/.exec(name)?.[1]);
    if (pid > 0 && (pid === process.pid || !processExists(pid))) rmSync(join(folder, name), { force: true });
  }
}

function unary<Request>(answer: (message: Request) => unknown): Unary {
  const handle: grpc.handleUnaryCall<unknown, unknown> = (call, callback) => {
    Promise.resolve()
      .then(() => answer(call.request as Request))
      .then(
        (response) => callback(null, response),
        (error: Error) => callback({ code: grpc.status.UNKNOWN, details: error.message }),
      );
  };
  return handle as Unary;
}

function propertiesOf(message: { toJavaScript(): Record<string, unknown> } | undefined): Record<string, unknown> {
  return message?.toJavaScript() ?? {};
}

function unsupported(what: string): DayzeroError {
  return new DayzeroError("PROGRAM_UNSUPPORTED", `the program asks for ${what}, which \`dayzero up\` does not do`, {
    hint: "run `pulumi up` for this program, or take it out",
  });
}
