import { getStack } from "@pulumi/pulumi/metadata.js";
import { type Input, type Output, output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi/resource.js";
import type { RemoteRepositorySpec } from "../config/StackSpec.ts";
import type { AgentConfiguration } from "../manifests/agent/AgentConfiguration.ts";
import { agentObjects } from "../manifests/agent/agentObjects.ts";
import { clusterProject } from "../manifests/argocd/clusterProject.ts";
import { ARGOCD_NAMESPACE } from "../manifests/argocd/controllerIdentity.ts";
import { rootApplication } from "../manifests/argocd/rootApplication.ts";
import { Handover, RepositoryCredential } from "../resources/gitops/index.ts";
import { KubernetesObject } from "../resources/kubernetes/index.ts";

export interface RemoteRepositoryArgs {
  readonly repository: RemoteRepositorySpec;
  readonly generation: Input<string>;
  /** Vault as it is reached from here. */
  readonly vault: { readonly address: Input<string>; readonly ca?: Input<string> | undefined };
  readonly trust: {
    readonly mount: Input<string>;
    readonly oidcRole: Input<string>;
    readonly ready: readonly Resource[];
  };
  /** The Git reader. */
  readonly serviceAccount: { readonly namespace: string; readonly name: string };
  /** What the agent in the cluster is told. */
  readonly agent: Input<AgentConfiguration>;
  /** Without it the person runs the agent themselves. */
  readonly agentImage?: string | undefined;
  /**
   * Secret that an Argo CD of somebody else read the repository with when the stack came. Its Applications stay as they are, and no other
   * is made: so it is said for good, and not only until that Secret is gone.
   */
  readonly adopt?: string | undefined;
  /** What makes the service account of the Git reader, and Argo CD. */
  readonly after: readonly Resource[];
}

/** A repository of somebody else's forge: the credential for it, what keeps that fresh, and the Application that it is reconciled through. */
export class RemoteRepository extends ComponentResource {
  /** Name of the controller's Secret; known once the credential is in it. */
  readonly secretName: Output<string>;
  /** `iss` of the credential, as the Git server sees it. */
  readonly tokenIssuer: Output<string>;

  constructor(name: string, args: RemoteRepositoryArgs, options?: ComponentResourceOptions) {
    super("dayzero:components:RemoteRepository", name, {}, options);
    const { repository, vault, trust, adopt } = args;
    const { name: label, source: url, ca } = repository;
    const parent = { parent: this };
    const credential = new RepositoryCredential(
      `${name}-credential`,
      {
        repository: label,
        url,
        namespace: ARGOCD_NAMESPACE,
        generation: args.generation,
        vaultAddress: vault.address,
        mount: trust.mount,
        oidcRole: trust.oidcRole,
        ...(vault.ca === undefined ? {} : { vaultCa: vault.ca }),
        ...(ca === undefined ? {} : { gitCa: ca }),
        serviceAccount: args.serviceAccount,
        ...(adopt === undefined ? {} : { adopt }),
      },
      { ...parent, dependsOn: [...args.after, ...trust.ready] },
    );
    const agent = output(
      args.agentImage === undefined ? [] : this.#agent(name, args.agentImage, args.agent, [credential]),
    );
    if (adopt === undefined) this.#application(name, repository, [credential]);
    else {
      new Handover(
        `${name}-handover`,
        { namespace: ARGOCD_NAMESPACE, secret: adopt, repository: label, url },
        { ...parent, dependsOn: agent.apply((objects) => [credential, ...objects]) },
      );
    }
    this.secretName = credential.secretName;
    this.tokenIssuer = credential.tokenIssuer;
    this.registerOutputs({ secretName: this.secretName, tokenIssuer: this.tokenIssuer });
  }

  /** All but the service account, which earns the first credential too and so is there before. */
  #agent(name: string, image: string, configuration: Input<AgentConfiguration>, dependsOn: Resource[]) {
    return output(configuration).apply((configuration) => {
      const { "service-account": _, ...objects } = agentObjects({ stack: getStack(), image, configuration });
      return Object.entries(objects).map(
        ([part, manifest]) => new KubernetesObject(`${name}-agent-${part}`, manifest, { parent: this, dependsOn }),
      );
    }) as Output<Resource[]>;
  }

  #application(
    name: string,
    { name: project, source: url, path, branch = "HEAD" }: RemoteRepositorySpec,
    dependsOn: Resource[],
  ) {
    const options = { parent: this, dependsOn };
    const allowed = new KubernetesObject(`${name}-project`, clusterProject({ name: project, url }), options);
    new KubernetesObject(`${name}-application`, rootApplication({ project, url, path, branch }), {
      ...options,
      dependsOn: [...dependsOn, allowed],
    });
  }
}
