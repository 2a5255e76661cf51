import type { Output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi/resource.js";
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
    // Their namespace is made with the inventory, by the first stack of the cluster; the others share it.
    const made = accounts.map(
      (account) =>
        new KubernetesObject(
          `${name}-service-account-${account.name}`,
          { apiVersion: "v1", kind: "ServiceAccount", metadata: account, automountServiceAccountToken: false },
          parent,
        ),
    );
    this.generation = generation.uid;
    this.issuerKeys = generation.publicKeys;
    this.issuer = generation.issuer;
    this.ready = made;
    this.registerOutputs({ generation: this.generation });
  }
}
