import type { Output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi/resource.js";
import { ADOPT_ANNOTATION, DAYZERO_NAMESPACE } from "../manifests/marks.ts";
import { Generation } from "../resources/cluster/index.ts";
import { KubernetesObject } from "../resources/kubernetes/index.ts";

export interface ExistingClusterArgs {
  /** Dayzero's own service accounts in it. */
  readonly accounts: readonly { readonly namespace: string; readonly name: string }[];
}

/** A cluster that somebody else runs: which life of it this is, and who Dayzero is in it. */
export class ExistingCluster extends ComponentResource {
  /** UID of its kube-system namespace. */
  readonly generation: Output<string>;
  /** PEM of the keys that verify its service-account tokens, and their `iss`. */
  readonly issuerKeys: Output<string[]>;
  readonly issuer: Output<string>;
  readonly ready: Resource[];

  constructor(name: string, { accounts }: ExistingClusterArgs, options?: ComponentResourceOptions) {
    super("dayzero:components:ExistingCluster", name, {}, options);
    const parent = { parent: this };
    const generation = new Generation(`${name}-generation`, {}, parent);
    const home = new KubernetesObject(
      `${name}-namespace`,
      {
        apiVersion: "v1",
        kind: "Namespace",
        // Another stack of the same cluster may have made it.
        metadata: { name: DAYZERO_NAMESPACE, annotations: { [ADOPT_ANNOTATION]: "true" } },
      },
      parent,
    );
    const made = accounts.map(
      (account) =>
        new KubernetesObject(
          `${name}-service-account-${account.name}`,
          { apiVersion: "v1", kind: "ServiceAccount", metadata: account, automountServiceAccountToken: false },
          { ...parent, dependsOn: [home] },
        ),
    );
    this.generation = generation.uid;
    this.issuerKeys = generation.publicKeys;
    this.issuer = generation.issuer;
    this.ready = [home, ...made];
    this.registerOutputs({ generation: this.generation });
  }
}
