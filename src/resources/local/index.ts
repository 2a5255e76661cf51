import type { Input, Output } from "@pulumi/pulumi/output.js";
import { CustomResource, type CustomResourceOptions } from "@pulumi/pulumi/resource.js";
import type { PortName } from "../../machine/StackLayout.ts";
import type { AuthorityInputs } from "./AuthorityResource.ts";
import type { DataFolderInputs } from "./DataFolderResource.ts";
import type { FileInputs } from "./FileResource.ts";
import type { LeafInputs } from "./FoundLeaf.ts";
import type { ProcessInputs, ReadyProbe } from "./ProcessInputs.ts";
import type { SecretFileInputs } from "./SecretFileResource.ts";

/** Each value, at any depth, may be one that another resource has yet to tell. */
type Later<T> = T extends string | number | boolean | undefined
  ? Input<T>
  : T extends readonly (infer Item)[]
    ? Input<Later<Item>[]>
    : Input<{ [Key in keyof T]: Later<T[Key]> }>;

/** The keys that have a default may be left out. */
type Defaulted<T, Key extends keyof T> = Omit<T, Key> & Partial<Pick<T, Key>>;

type Args<T> = { [Key in keyof T]: Later<T[Key]> };

type ReadyProbeArgs = ReadyProbe extends infer Kind
  ? Kind extends { status: number[] }
    ? Defaulted<Kind, "status">
    : Kind
  : never;

export type LeafArgs = Defaulted<LeafInputs, "organizations" | "dnsNames" | "ipAddresses">;

export type ProcessArgs = Defaulted<
  Omit<ProcessInputs, "ready"> & { ready: ReadyProbeArgs },
  "environment" | "secretEnvironment" | "links" | "files" | "readySeconds" | "triggers"
>;

/** Loopback ports of the stack, and where its folder is. */
export class Ports extends CustomResource {
  /** The state folder, absolute. */
  declare readonly directory: Output<string>;
  declare readonly ports: Output<Record<PortName, number>>;

  constructor(name: string, _args: Record<string, never>, options?: CustomResourceOptions) {
    super("dayzero:local:Ports", name, { directory: undefined, ports: undefined }, options);
  }
}

/** A certificate authority of the stack, its leaves and signing keys, in `pki/<name>`. */
export class Authority extends CustomResource {
  /** PEM of the CA's certificate. */
  declare readonly ca: Output<string>;
  declare readonly caFingerprint: Output<string>;
  /** Leaf -> SHA-256 of its certificate: what restarts a server when its certificate was renewed. */
  declare readonly certificateDigests: Output<Record<string, string>>;

  constructor(
    name: string,
    args: Args<Defaulted<Omit<AuthorityInputs, "leaves">, "signingKeys"> & { leaves: LeafArgs[] }>,
    options?: CustomResourceOptions,
  ) {
    super(
      "dayzero:local:Authority",
      name,
      { ...args, ca: undefined, caFingerprint: undefined, certificateDigests: undefined },
      options,
    );
  }
}

/** A configuration file of the stack. */
export class File extends CustomResource {
  declare readonly path: Output<string>;
  /** SHA-256 of the declared content: what restarts the server that reads it. */
  declare readonly digest: Output<string>;

  constructor(name: string, args: Args<Defaulted<FileInputs, "mode">>, options?: CustomResourceOptions) {
    super("dayzero:local:File", name, { ...args, digest: undefined }, options);
  }
}

/** A file with random values that are drawn on this machine and never leave it. */
export class SecretFile extends CustomResource {
  declare readonly path: Output<string>;
  /** Another one for each drawing: what restarts the server that reads it. */
  declare readonly drawn: Output<string>;

  constructor(name: string, args: Args<Defaulted<SecretFileInputs, "loss">>, options?: CustomResourceOptions) {
    super("dayzero:local:SecretFile", name, { ...args, drawn: undefined }, options);
  }
}

/** Where a server of the stack keeps its data; what is deleted with it needs no deletion of its own (`deletedWith`). */
export class DataFolder extends CustomResource {
  constructor(name: string, args: Args<DataFolderInputs>, options?: CustomResourceOptions) {
    super("dayzero:local:DataFolder", name, { ...args }, options);
  }
}

/** A server that runs on when the program has ended. */
export class Process extends CustomResource {
  declare readonly pid: Output<number>;

  constructor(name: string, args: Args<ProcessArgs>, options?: CustomResourceOptions) {
    super("dayzero:local:Process", name, { ...args, pid: undefined }, options);
  }
}
