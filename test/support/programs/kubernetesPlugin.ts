import type { Input } from "@pulumi/pulumi/output.js";
import {
  CustomResource,
  type CustomResourceOptions,
  ProviderResource,
  type ResourceOptions,
} from "@pulumi/pulumi/resource.js";
import type { Manifest } from "../../../src/resources/kubernetes/index.ts";

/** Stands for `Provider` of @pulumi/kubernetes, in a program of a user's own. */
export class KubernetesProvider extends ProviderResource {
  constructor(name: string, inputs: { kubeconfig: Input<string> }, options?: ResourceOptions) {
    super("kubernetes", name, { ...inputs, enableServerSideApply: "true" }, options);
  }
}

/** Stands for the classes of @pulumi/kubernetes: the same type tokens. */
export class ProvidedObject extends CustomResource {
  constructor(name: string, manifest: Manifest & { apiVersion: string }, options?: CustomResourceOptions) {
    super(typeToken(manifest), name, { status: undefined, ...manifest }, options);
  }
}

/** `v1` + `Secret` -> `kubernetes:core/v1:Secret`. */
function typeToken({ apiVersion, kind }: { apiVersion: string; kind: string }): string {
  return `kubernetes:${apiVersion.includes("/") ? apiVersion : `core/${apiVersion}`}:${kind}`;
}
