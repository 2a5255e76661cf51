import type { Input, Output } from "@pulumi/pulumi/output.js";
import { CustomResource, type CustomResourceOptions } from "@pulumi/pulumi/resource.js";

/** A Kubernetes object as it stands in a manifest. Names are explicit, never generated. */
export interface Manifest {
  readonly apiVersion: Input<string>;
  readonly kind: string;
  readonly metadata: Input<{ name: Input<string>; [field: string]: unknown }>;
  readonly [field: string]: unknown;
}

/** An object of any kind in the stack's own cluster. Its manifest is kept in Pulumi state: no credential belongs into it. */
export class KubernetesObject extends CustomResource {
  declare readonly metadata: Output<{ name: string; namespace?: string; uid: string }>;
  declare readonly status: Output<unknown>;

  constructor(name: string, manifest: Manifest, options?: CustomResourceOptions) {
    super("dayzero:kubernetes:Object", name, { status: undefined, ...manifest }, options);
  }
}
