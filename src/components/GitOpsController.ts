import { all, type Output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi/resource.js";
import { argocdSettings } from "../manifests/argocd/argocdSettings.ts";
import { CONTROLLER_ENVIRONMENT, controllerArguments } from "../manifests/argocd/controllerArguments.ts";
import {
  ARGOCD_NAMESPACE,
  CONTROLLER,
  controllerServiceAccount,
  namespace,
} from "../manifests/argocd/controllerIdentity.ts";
import { controllerRole, controllerRoleBinding } from "../manifests/argocd/controllerRole.ts";
import { REDIS_PASSWORD_FILE, redisConfiguration } from "../manifests/argocd/redisConfiguration.ts";
import { REPO_SERVER_ENVIRONMENT, repoServerArguments } from "../manifests/argocd/repoServerArguments.ts";
import { execKubeconfig } from "../manifests/cluster/execKubeconfig.ts";
import { identityBrokerAccess } from "../manifests/cluster/identityBrokerAccess.ts";
import { Definitions } from "../resources/cluster/index.ts";
import { KubernetesObject } from "../resources/kubernetes/index.ts";
import { File, Process, SecretFile } from "../resources/local/index.ts";
import type { Cluster } from "./Cluster.ts";

export interface GitOpsControllerArgs {
  readonly cluster: Cluster;
}

interface Cache {
  readonly server: Process;
  /** Tells one drawing of its password from another. */
  readonly password: Output<string>;
}

/** Argo CD as processes of this machine: cache, repo server and application controller, the last under its own identity. */
export class GitOpsController extends ComponentResource {
  /** What must be there before an Application is reconciled. */
  readonly ready: Resource[];
  /** What must be there before objects can be put beside Argo CD's own. */
  readonly home: Resource[];
  /** What must be there before a repository's objects can be stored. */
  readonly stored: Resource[];

  constructor(name: string, { cluster }: GitOpsControllerArgs, options?: ComponentResourceOptions) {
    super("dayzero:components:GitOpsController", name, {}, options);

    const objects = this.#objects(name, cluster);
    const redis = this.#redis(name, cluster);
    const repoServer = this.#repoServer(name, cluster, redis);
    const controller = this.#controller(name, cluster, redis, [...objects.all, repoServer], objects.settings);

    this.home = [objects.home];
    this.stored = objects.all;
    this.ready = [controller];
    // Its phase ends when all of it is there.
    this.registerOutputs({ ready: controller.urn });
  }

  #objects(name: string, cluster: Cluster) {
    const options = { parent: this, deletedWith: cluster.data, dependsOn: cluster.served };
    const definitions = new Definitions(
      `${name}-definitions`,
      { name: "argocd", tool: "argocd-crds", files: ["application-crd.yaml", "appproject-crd.yaml"] },
      options,
    );
    const home = new KubernetesObject(`${name}-namespace`, namespace(ARGOCD_NAMESPACE), options);
    const inside = { ...options, dependsOn: [home] };
    const broker = identityBrokerAccess(ARGOCD_NAMESPACE, [CONTROLLER]);
    const settings = argocdSettings({ kubelet: false });
    const access = [
      new KubernetesObject(`${name}-service-account`, controllerServiceAccount(), inside),
      new KubernetesObject(`${name}-role`, controllerRole(), inside),
      new KubernetesObject(`${name}-role-binding`, controllerRoleBinding(), inside),
      new KubernetesObject(`${name}-identity-broker-role`, broker.role, inside),
      new KubernetesObject(`${name}-identity-broker-role-binding`, broker.roleBinding, inside),
      new KubernetesObject(`${name}-settings`, settings, inside),
    ];
    return { all: [definitions, home, ...access], home, settings: JSON.stringify(settings) };
  }

  #redis(name: string, cluster: Cluster): Cache {
    const parent = { parent: this };
    const password = new SecretFile(
      `${name}-redis-password`,
      {
        path: REDIS_PASSWORD_FILE,
        template: "{{random:hex:32}}",
        purpose: "password of Argo CD's cache",
      },
      parent,
    );
    const configuration = new SecretFile(
      `${name}-redis-configuration`,
      {
        path: "etc/redis.conf",
        template: cluster.ports.apply((ports) => redisConfiguration(ports.redis)),
        purpose: "configuration of Argo CD's cache, with its password",
      },
      { ...parent, dependsOn: [password] },
    );
    const server = new Process(
      `${name}-redis`,
      {
        name: "redis",
        tool: "redis-server",
        args: ["etc/redis.conf"],
        ready: { kind: "redis", port: cluster.ports.apply((ports) => ports.redis) },
        triggers: [configuration.drawn],
      },
      { ...parent, dependsOn: [configuration] },
    );
    return { server, password: password.drawn };
  }

  #repoServer(name: string, cluster: Cluster, redis: Cache): Process {
    const parent = { parent: this };
    // Argo CD reads it at each fetch, by the host name of the repository.
    const trust = new File(
      `${name}-git-authority`,
      { path: "etc/argocd/tls/127.0.0.1", content: cluster.platform.ca },
      parent,
    );
    return new Process(
      `${name}-repo-server`,
      {
        name: "argocd-repo-server",
        tool: "argocd",
        argv0: "argocd-repo-server",
        args: cluster.ports.apply((ports) =>
          repoServerArguments({
            own: ports["argocd-repo-server"],
            metrics: ports["argocd-repo-server-metrics"],
            redis: ports.redis,
          }),
        ),
        environment: REPO_SERVER_ENVIRONMENT,
        secretEnvironment: { REDIS_PASSWORD: REDIS_PASSWORD_FILE },
        // git asks for the password through the same binary: GIT_ASKPASS=argocd.
        links: { argocd: "argocd", kustomize: "kustomize" },
        files: {
          "reposerver/tls/tls.crt": "pki/platform/repo-server.crt",
          "reposerver/tls/tls.key": "pki/platform/repo-server.key",
        },
        ready: {
          kind: "http",
          url: cluster.ports.apply((ports) => `http://127.0.0.1:${ports["argocd-repo-server-metrics"]}/healthz`),
        },
        triggers: [
          cluster.platform.certificateDigests.apply((digests) => digests["repo-server"] ?? ""),
          redis.password,
        ],
      },
      { ...parent, dependsOn: [redis.server, trust] },
    );
  }

  #controller(name: string, cluster: Cluster, redis: Cache, dependsOn: Resource[], settings: string): Process {
    const parent = { parent: this };
    const kubeconfig = new File(
      `${name}-kubeconfig`,
      {
        path: "etc/argocd-controller.kubeconfig",
        content: all([cluster.server, cluster.ca, cluster.command, cluster.directory]).apply(
          ([server, ca, command, directory]) =>
            execKubeconfig({
              server,
              ca,
              command,
              directory,
              identity: ["token", `${ARGOCD_NAMESPACE}/${CONTROLLER}`],
            }),
        ),
      },
      parent,
    );
    const trust = new File(
      `${name}-repo-server-authority`,
      { path: "etc/argocd/controller/tls/ca.crt", content: cluster.platform.ca },
      parent,
    );
    return new Process(
      `${name}-application-controller`,
      {
        name: CONTROLLER,
        tool: "argocd",
        argv0: CONTROLLER,
        args: cluster.ports.apply((ports) =>
          controllerArguments({
            repoServer: ports["argocd-repo-server"],
            metrics: ports["argocd-controller-metrics"],
            redis: ports.redis,
          }),
        ),
        environment: CONTROLLER_ENVIRONMENT,
        secretEnvironment: { REDIS_PASSWORD: REDIS_PASSWORD_FILE },
        ready: {
          kind: "http",
          url: cluster.ports.apply((ports) => `http://127.0.0.1:${ports["argocd-controller-metrics"]}/healthz`),
        },
        // Its settings, the repo server's authority and its kubeconfig are read once, at the start.
        triggers: [settings, trust.digest, kubeconfig.digest, cluster.generation, redis.password],
      },
      { ...parent, dependsOn: [...dependsOn, redis.server, cluster.broker] },
    );
  }
}
