import type { Input, Output } from "@pulumi/pulumi/output.js";
import { CustomResource, type CustomResourceOptions } from "@pulumi/pulumi/resource.js";
import type { RepositoryKind } from "../../manifests/argocd/repositoryNeeds.ts";
import type { RepositorySource } from "./RepositorySource.ts";

export interface RepositoryArgs {
  readonly name: Input<string>;
  readonly source: Input<RepositorySource>;
  /** By default the branch that the source calls its own. */
  readonly branch?: Input<string> | undefined;
  /** Folder that Argo CD reconciles; the top one by default. */
  readonly path?: Input<string> | undefined;
}

/** See `repositoryResource`. */
export class Repository extends CustomResource {
  /** Absolute path of the bare repository. */
  declare readonly directory: Output<string>;
  declare readonly git: Output<string>;
  declare readonly branch: Output<string>;
  declare readonly revision: Output<string>;
  declare readonly path: Output<string>;
  declare readonly kinds: Output<RepositoryKind[]>;

  constructor(name: string, args: RepositoryArgs, options?: CustomResourceOptions) {
    const found = { directory: undefined, git: undefined, revision: undefined, kinds: undefined };
    super("dayzero:git:Repository", name, { branch: undefined, path: undefined, ...args, ...found }, options);
  }
}
