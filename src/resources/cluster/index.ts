import type { Output } from "@pulumi/pulumi/output.js";
import { CustomResource, type CustomResourceOptions } from "@pulumi/pulumi/resource.js";
import type { DefinitionsInputs } from "./DefinitionsResource.ts";

/** One life of a cluster. */
export class Generation extends CustomResource {
  /** UID of the namespace kube-system. */
  declare readonly uid: Output<string>;
  /** PEM (SPKI) of the keys that verify the cluster's service-account tokens. */
  declare readonly publicKeys: Output<string[]>;
  declare readonly issuer: Output<string>;

  constructor(name: string, args: Record<string, never>, options?: CustomResourceOptions) {
    super(
      "dayzero:cluster:Generation",
      name,
      { ...args, uid: undefined, publicKeys: undefined, issuer: undefined },
      options,
    );
  }
}

/** Another project's CustomResourceDefinitions, from files of the toolchain. */
export class Definitions extends CustomResource {
  constructor(name: string, args: DefinitionsInputs, options?: CustomResourceOptions) {
    super("dayzero:cluster:Definitions", name, { ...args }, options);
  }
}
