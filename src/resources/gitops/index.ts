import type { Input, Output } from "@pulumi/pulumi/output.js";
import { CustomResource, type CustomResourceOptions } from "@pulumi/pulumi/resource.js";
import type { RepositoryCredentialInputs } from "./RepositoryCredentialResource.ts";

export type RepositoryCredentialArgs = {
  readonly [Key in keyof RepositoryCredentialInputs]: Input<RepositoryCredentialInputs[Key]>;
};

/** See `repositoryCredentialResource`. No input or output of it is a credential. */
export class RepositoryCredential extends CustomResource {
  declare readonly secretName: Output<string>;
  /** RFC 3339. */
  declare readonly expiresAt: Output<string>;
  declare readonly fingerprint: Output<string>;

  constructor(name: string, args: RepositoryCredentialArgs, options?: CustomResourceOptions) {
    const found = { secretName: undefined, expiresAt: undefined, fingerprint: undefined };
    super("dayzero:gitops:RepositoryCredential", name, { ...args, ...found }, options);
  }
}
