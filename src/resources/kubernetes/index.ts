import type { Input, Output } from "@pulumi/pulumi/output.js";
import {
  CustomResource,
  type CustomResourceOptions,
  ProviderResource,
  type ResourceOptions,
} from "@pulumi/pulumi/resource.js";

/** Version of the @pulumi/kubernetes plugin that the Pulumi CLI fetches for these resources; the converge host needs none. */
const PLUGIN_VERSION = "4.34.2";

/** A Kubernetes object as it stands in a manifest. Names are explicit, never generated. */
export interface Manifest {
  readonly apiVersion: Input<string>;
  readonly kind: string;
  readonly metadata: Input<{ name: Input<string>; [field: string]: unknown }>;
  readonly [field: string]: unknown;
}

/**
 * Any Kubernetes object, under the same type token that @pulumi/kubernetes gives it.
 *
 * It stands for the classes of that package because importing them costs 60 MB and a third of a second at each start;
 * the object reaches either host the same way: server-side apply under the field manager `dayzero`.
 */
export class KubernetesObject extends CustomResource {
  declare readonly metadata: Output<{ name: string; namespace?: string; uid: string }>;
  declare readonly status: Output<unknown>;

  constructor(name: string, manifest: Manifest & { apiVersion: string }, options: CustomResourceOptions) {
    super(
      typeToken(manifest.apiVersion, manifest.kind),
      name,
      { status: undefined, ...manifest },
      { version: PLUGIN_VERSION, ...options },
    );
  }
}

/** The cluster that {@link KubernetesObject}s go to. The kubeconfig must hold no token or key: it lands in Pulumi state. */
export class KubernetesProvider extends ProviderResource {
  constructor(name: string, inputs: { kubeconfig: Input<string> }, options?: ResourceOptions) {
    super("kubernetes", name, { ...inputs, enableServerSideApply: "true" }, { version: PLUGIN_VERSION, ...options });
  }
}

/** `v1` + `Secret` -> `kubernetes:core/v1:Secret`. */
function typeToken(apiVersion: string, kind: string): string {
  return `kubernetes:${apiVersion.includes("/") ? apiVersion : `core/${apiVersion}`}:${kind}`;
}
