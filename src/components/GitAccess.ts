import { all, type Input, interpolate, type Output, output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi/resource.js";
import type { GitServerConfiguration } from "../daemons/git/GitServerConfiguration.ts";
import type { RenewerConfiguration } from "../daemons/renewer/RenewerConfiguration.ts";
import type { PortName } from "../machine/StackLayout.ts";
import type { RepositoryKind } from "../manifests/argocd/repositoryNeeds.ts";
import { gitReaderAccess } from "../manifests/gitReaderAccess.ts";
import { GIT_READER } from "../manifests/vault/trustNames.ts";
import { Repository } from "../resources/git/index.ts";
import type { RepositorySource } from "../resources/git/RepositorySource.ts";
import { RepositoryCredential } from "../resources/gitops/index.ts";
import { KubernetesObject } from "../resources/kubernetes/index.ts";
import { type Authority, type DataFolder, File, Process } from "../resources/local/index.ts";

export interface GitAccessArgs {
  /** DNS label: names the bare repository, its Secret and its role in Vault. */
  readonly repository: string;
  readonly source: RepositorySource;
  readonly branch?: string | undefined;
  readonly path?: string | undefined;
  readonly cluster: {
    readonly ports: Input<Pick<Record<PortName, number>, "git">>;
    /** URL of the API server. */
    readonly server: Input<string>;
    readonly data: DataFolder;
    /** Has a leaf `git`. */
    readonly platform: Authority;
    /** Gives the renewer its tokens. */
    readonly broker: Resource;
  };
  readonly vault: { readonly address: Input<string> };
  readonly trust: {
    readonly mount: Input<string>;
    readonly oidcIssuer: Input<string>;
    readonly oidcRole: Input<string>;
    readonly audience: Input<string>;
    readonly generation: Input<string>;
  };
  readonly controllerNamespace: string;
  /** Name of the Application that is refreshed at each push. */
  readonly application: string;
  /** What makes the controller's namespace and the git-reader service account; the repository itself waits for neither. */
  readonly after: Input<Input<Resource>[]>;
}

/** A repository, the server that hands it out, and the credential that the GitOps controller reads it with, kept fresh. */
export class GitAccess extends ComponentResource {
  /** What the controller fetches from. */
  readonly url: Output<string>;
  readonly repository: Output<string>;
  readonly branch: Output<string>;
  readonly revision: Output<string>;
  readonly path: Output<string>;
  readonly kinds: Output<RepositoryKind[]>;
  /** Absolute path of what the person clones and pushes to. */
  readonly bareRepository: Output<string>;
  /** Name of the controller's Secret; known once the credential is in it. */
  readonly secretName: Output<string>;

  constructor(name: string, args: GitAccessArgs, options?: ComponentResourceOptions) {
    super("dayzero:components:GitAccess", name, {}, options);
    const parent = { parent: this };
    const { cluster, vault, trust, controllerNamespace: namespace, application } = args;
    const port = output(cluster.ports).apply((ports) => ports.git);
    const url = interpolate`https://127.0.0.1:${port}/${args.repository}.git`;
    const certificate = cluster.platform.certificateDigests.apply((digests) => digests.git ?? "");

    const { source, branch, path } = args;
    const repository = new Repository(`${name}-repository`, { name: args.repository, source, branch, path }, parent);

    const serverConfiguration = new File(
      `${name}-server-configuration`,
      {
        path: "etc/git-server.json",
        content: all([port, repository.git, trust.oidcIssuer, trust.audience, trust.generation]).apply(
          ([port, git, issuer, audience, generation]) =>
            toJson({
              port,
              git,
              repositories: "git",
              tls: { certificate: "pki/platform/git.crt", key: "pki/platform/git.key" },
              oidc: {
                issuer,
                jwksUri: `${issuer}/.well-known/keys`,
                ca: "pki/platform/ca.crt",
                audience,
                algorithms: ["ES256"],
                generation,
              },
            } satisfies GitServerConfiguration),
        ),
      },
      parent,
    );
    const server = new Process(
      `${name}-server`,
      {
        name: "git-server",
        tool: "dayzero",
        args: ["serve", "git", "--directory", "{directory}"],
        ready: { kind: "http", url: interpolate`https://127.0.0.1:${port}/healthz`, authority: "platform" },
        triggers: [serverConfiguration.digest, certificate],
      },
      { ...parent, dependsOn: [repository] },
    );

    const inCluster = {
      ...parent,
      deletedWith: cluster.data,
      dependsOn: output(args.after).apply((resources) => resources),
    };
    const access = gitReaderAccess({
      namespace,
      repository: args.repository,
      application,
      serviceAccount: GIT_READER.serviceAccount,
    });
    const role = new KubernetesObject(`${name}-reader-role`, access.role, inCluster);
    const binding = new KubernetesObject(`${name}-reader-role-binding`, access.roleBinding, inCluster);

    const credential = new RepositoryCredential(
      `${name}-credential`,
      {
        repository: args.repository,
        url,
        namespace,
        generation: trust.generation,
        vaultAddress: vault.address,
        mount: trust.mount,
        oidcRole: trust.oidcRole,
        vaultCa: cluster.platform.ca,
        gitCa: cluster.platform.ca,
      },
      { ...inCluster, dependsOn: output(args.after).apply((resources) => [...resources, server]) },
    );

    const renewerConfiguration = new File(
      `${name}-renewer-configuration`,
      {
        path: "etc/renewer.json",
        content: all([cluster.server, vault.address, trust.mount, trust.oidcRole, url]).apply(
          ([server, vaultAddress, mount, oidcRole, url]) =>
            toJson({
              server,
              vaultAddress,
              mount,
              repository: args.repository,
              url,
              oidcRole,
              namespace,
              application,
            } satisfies RenewerConfiguration),
        ),
      },
      parent,
    );
    const renewer = new Process(
      `${name}-renewer`,
      {
        name: "renewer",
        tool: "dayzero",
        args: ["serve", "renewer", "--directory", "{directory}"],
        ready: { kind: "unix", path: "run/renewer.sock" },
        triggers: [renewerConfiguration.digest, cluster.platform.caFingerprint],
      },
      { ...parent, dependsOn: [credential, role, binding, cluster.broker] },
    );

    this.url = url;
    this.repository = output(args.repository);
    this.branch = repository.branch;
    this.revision = repository.revision;
    this.path = repository.path;
    this.kinds = repository.kinds;
    this.bareRepository = repository.directory;
    this.secretName = credential.secretName;
    // Its phase ends when all of it is there.
    this.registerOutputs({ url, revision: this.revision, renewer: renewer.urn });
  }
}

function toJson(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
