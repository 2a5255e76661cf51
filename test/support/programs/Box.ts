import type { Input, Output } from "@pulumi/pulumi/output.js";
import {
  ComponentResource,
  type ComponentResourceOptions,
  CustomResource,
  type CustomResourceOptions,
} from "@pulumi/pulumi/resource.js";

/** The test suite's resource; `token` is only known once it exists. */
export class Box extends CustomResource {
  declare readonly token: Output<string>;

  constructor(
    name: string,
    args: { size: Input<number>; label?: Input<string> | undefined },
    options?: CustomResourceOptions,
  ) {
    super("dayzero:test:Box", name, { name, ...args, token: undefined }, options);
  }
}

export class Shelf extends ComponentResource {
  constructor(name: string, fill: (parent: Shelf) => Box[], options?: ComponentResourceOptions) {
    super("dayzero:test:Shelf", name, {}, options);
    this.registerOutputs({ tokens: fill(this).map(({ token }) => token) });
  }
}
