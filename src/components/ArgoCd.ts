import type { Output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi/resource.js";
import { ARGOCD_NAMESPACE, namespace } from "../manifests/argocd/controllerIdentity.ts";
import { ADOPT_ANNOTATION } from "../manifests/marks.ts";
import { Installation } from "../resources/gitops/index.ts";
import { KubernetesObject } from "../resources/kubernetes/index.ts";

export interface ArgoCdArgs {
  readonly variant: "core" | "ha";
  /** PEM, by host, of what Git servers are verified by besides the system's roots. */
  readonly authorities: Readonly<Record<string, string>>;
}

/** Argo CD in the stack's cluster, from its release manifest. */
export class ArgoCd extends ComponentResource {
  readonly version: Output<string>;
  /** What has to be there before an Application is reconciled. */
  readonly ready: Resource[];

  constructor(name: string, args: ArgoCdArgs, options?: ComponentResourceOptions) {
    super("dayzero:components:ArgoCd", name, {}, options);
    const manifest = namespace(ARGOCD_NAMESPACE);
    // `down` lets the namespace go and leaves it there. Another's Argo CD in it is for the installation to refuse.
    const annotations = { [ADOPT_ANNOTATION]: "true" };
    const home = new KubernetesObject(
      `${name}-namespace`,
      { ...manifest, metadata: { ...manifest.metadata, annotations } },
      { parent: this },
    );
    const installation = new Installation(
      `${name}-installation`,
      { namespace: ARGOCD_NAMESPACE, tool: "argocd-manifests", ...args },
      { parent: this, dependsOn: [home] },
    );
    this.version = installation.version;
    this.ready = [installation];
    this.registerOutputs({ version: this.version });
  }
}
