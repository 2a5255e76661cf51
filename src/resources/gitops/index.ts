import type { Input, Output } from "@pulumi/pulumi/output.js";
import { CustomResource, type CustomResourceOptions } from "@pulumi/pulumi/resource.js";
import type { HandoverInputs } from "./HandoverResource.ts";
import type { InstallationArgs as InstallationSource } from "./InstallationResource.ts";
import type { RepositoryCredentialInputs } from "./RepositoryCredentialResource.ts";

type Args<Inputs> = { readonly [Key in keyof Inputs]: Input<Inputs[Key]> };

export type InstallationArgs = Args<InstallationSource>;

/** See `installationResource`. */
export class Installation extends CustomResource {
  /** As it runs. */
  declare readonly version: Output<string>;

  constructor(name: string, args: InstallationArgs, options?: CustomResourceOptions) {
    super("dayzero:gitops:Installation", name, { ...args, version: undefined }, options);
  }
}

export type RepositoryCredentialArgs = Args<RepositoryCredentialInputs>;

/** See `repositoryCredentialResource`. No input or output of it is a credential. */
export class RepositoryCredential extends CustomResource {
  declare readonly secretName: Output<string>;
  /** RFC 3339. */
  declare readonly expiresAt: Output<string>;
  declare readonly fingerprint: Output<string>;
  /** `iss` of the credential. */
  declare readonly tokenIssuer: Output<string>;

  constructor(name: string, args: RepositoryCredentialArgs, options?: CustomResourceOptions) {
    const found = { secretName: undefined, expiresAt: undefined, fingerprint: undefined, tokenIssuer: undefined };
    super("dayzero:gitops:RepositoryCredential", name, { ...args, ...found }, options);
  }
}

export type HandoverArgs = Args<HandoverInputs>;

/** See `handoverResource`. */
export class Handover extends CustomResource {
  constructor(name: string, args: HandoverArgs, options?: CustomResourceOptions) {
    super("dayzero:gitops:Handover", name, { ...args }, options);
  }
}
