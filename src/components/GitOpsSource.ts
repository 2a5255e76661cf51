import { all, type Input, type Output, output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi/resource.js";
import { appProject } from "../manifests/argocd/appProject.ts";
import { clusterSecret, clusterSecretMetadata } from "../manifests/argocd/clusterSecret.ts";
import { ARGOCD_NAMESPACE, destinationNamespaces } from "../manifests/argocd/controllerIdentity.ts";
import { clusterRoles, destinationRoleName, destinationRoles } from "../manifests/argocd/destinationRoles.ts";
import type { Manifest } from "../manifests/argocd/Manifest.ts";
import { type RepositoryKind, type RepositoryNeeds, repositoryNeeds } from "../manifests/argocd/repositoryNeeds.ts";
import { rootApplication, rootApplicationReference } from "../manifests/argocd/rootApplication.ts";
import { KubernetesObject } from "../resources/kubernetes/index.ts";
import type { GitOpsController } from "./GitOpsController.ts";

export interface GitOpsSourceArgs {
  readonly controller: Pick<GitOpsController, "home" | "stored" | "ready">;
  readonly access: {
    /** Names the project, the roles, and the namespace for manifests that name none. */
    readonly repository: Input<string>;
    /** As the controller fetches it. */
    readonly url: Input<string>;
    readonly branch: Input<string>;
    readonly path: Input<string>;
    /** The commit at which the repository has to be Synced and Healthy. */
    readonly revision: Input<string>;
    /** What the repository holds at that commit. */
    readonly kinds: Input<RepositoryKind[]>;
    /** Known once the controller can fetch. */
    readonly secretName: Input<string>;
  };
}

/**
 * One repository, reconciled: its destinations, exactly the rights that it needs, its project and its Application.
 *
 * The option `deletedWith` counts for all of it.
 */
export class GitOpsSource extends ComponentResource {
  /** The commit that the Application was Synced and Healthy at. */
  readonly revision: Output<string>;

  constructor(name: string, { controller, access }: GitOpsSourceArgs, options?: ComponentResourceOptions) {
    super("dayzero:components:GitOpsSource", name, {}, options);
    const target = { parent: this, ...(options?.deletedWith && { deletedWith: options.deletedWith }) };
    const repository = output(access.repository);
    const needs: Output<RepositoryNeeds> = all([access.kinds, repository]).apply(([kinds, repository]) =>
      repositoryNeeds(kinds, repository),
    );

    // Only the repository knows how many there are, so they are made when it is known.
    const rights = all([needs, repository]).apply(([needs, repository]) => {
      const create = (manifest: Manifest, dependsOn: Resource[]) =>
        new KubernetesObject(resourceName(name, manifest), manifest, { ...target, dependsOn });
      const namespaces = destinationNamespaces(needs.namespaces).map((made) => create(made, controller.home));
      const roleName = destinationRoleName(repository);
      const roles = [...destinationRoles(needs, roleName), ...clusterRoles(needs, roleName)];
      return [...namespaces, ...roles.map((role) => create(role, [...controller.home, ...namespaces]))];
    }) as Output<Resource[]>;

    const destination = needs.apply(clusterSecret);
    const inCluster = new KubernetesObject(
      `${name}-cluster`,
      {
        apiVersion: "v1",
        kind: "Secret",
        // Names stand outside of what only the repository knows, so that a plan finds the objects after a push.
        metadata: clusterSecretMetadata,
        type: "Opaque",
        data: destination.apply(({ data }) => data),
      },
      { ...target, dependsOn: rights },
    );
    const project = all([needs, repository, access.url]).apply(([needs, repository, url]) =>
      appProject({ name: repository, url, needs }),
    );
    const allowed = new KubernetesObject(
      `${name}-project`,
      {
        apiVersion: "argoproj.io/v1alpha1",
        kind: "AppProject",
        metadata: { name: repository, namespace: ARGOCD_NAMESPACE },
        spec: project.apply(({ spec }) => spec),
      },
      { ...target, dependsOn: controller.stored },
    );
    const { url, path, branch, revision, secretName } = access;
    const application = all([needs, repository, url, path, branch, revision, secretName]).apply(
      ([{ defaultNamespace }, project, url, path, branch, revision]) =>
        rootApplication({
          ...{ project, url, path, branch, revision },
          ...(defaultNamespace === undefined ? {} : { defaultNamespace }),
        }),
    );
    const root = new KubernetesObject(
      `${name}-application`,
      {
        apiVersion: rootApplicationReference.apiVersion,
        kind: rootApplicationReference.kind,
        metadata: {
          name: rootApplicationReference.name,
          namespace: rootApplicationReference.namespace,
          annotations: application.apply(({ metadata }) => metadata.annotations ?? {}),
        },
        spec: application.apply(({ spec }) => spec),
      },
      // Not before the controller runs: one that starts may look at it before it has listed the projects, and then calls it invalid.
      { ...target, dependsOn: [inCluster, allowed, ...controller.ready] },
    );
    this.revision = all([revision, root.urn]).apply(([revision]) => revision);
    this.registerOutputs({ revision: this.revision });
  }
}

/** `source-role-staging`: told apart by kind and namespace, since the roles share one name. */
function resourceName(component: string, { kind, metadata }: Manifest): string {
  return [component, kind.toLowerCase(), metadata.namespace ?? metadata.name].join("-");
}
