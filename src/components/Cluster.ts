import { all, type Output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi/resource.js";
import { ARGOCD_NAMESPACE, CONTROLLER } from "../manifests/argocd/controllerIdentity.ts";
import { auditPolicy, encryptionTemplate } from "../manifests/cluster/apiServerConfiguration.ts";
import {
  apiServerArguments,
  controllerManagerArguments,
  etcdArguments,
} from "../manifests/cluster/controlPlaneArguments.ts";
import { execKubeconfig } from "../manifests/cluster/execKubeconfig.ts";
import { identityBrokerAccess } from "../manifests/cluster/identityBrokerAccess.ts";
import { DAYZERO_NAMESPACE } from "../manifests/marks.ts";
import { GIT_READER, OPERATOR, VAULT_AUDIENCE } from "../manifests/vault/trustNames.ts";
import { Generation } from "../resources/cluster/index.ts";
import { KubernetesObject } from "../resources/kubernetes/index.ts";
import { Authority, DataFolder, File, type LeafArgs, Ports, Process, SecretFile } from "../resources/local/index.ts";

const LOOPBACK = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };

/** Whose tokens the identity broker gives out. `operator` is not among them: only the administrator may speak for it. */
const IDENTITIES = [
  { namespace: ARGOCD_NAMESPACE, name: CONTROLLER, audiences: [] },
  { ...GIT_READER.serviceAccount, audiences: [VAULT_AUDIENCE] },
];

/**
 * Whoever calls it: what it mints is in no core dump. The stack's own processes, whose HOME is empty, say where compiled modules are;
 * those of a person's kubectl stay in the stack.
 */
const EXEC_PLUGIN = `#!/bin/sh
ulimit -c 0
export NODE_COMPILE_CACHE="\${NODE_COMPILE_CACHE:-\${0%/*}/../run/compile}"
exec {tool:dayzero} "$@"
`;

/** A Kubernetes control plane as processes of this machine, and the identities of those who use it. */
export class Cluster extends ComponentResource {
  /** The state folder, absolute. */
  readonly directory: Output<string>;
  readonly ports: Ports["ports"];
  /** URL of the API server. */
  readonly server: Output<string>;
  /** PEM of the authority that the API server's certificate is from. */
  readonly ca: Output<string>;
  /** etcd's: what is in the cluster is deleted with it. */
  readonly data: DataFolder;
  /** This life of the cluster: the UID of its kube-system namespace. */
  readonly generation: Output<string>;
  /** PEM of the keys that verify its service-account tokens. */
  readonly issuerKeys: Output<string[]>;
  /** `iss` of those tokens. */
  readonly issuer: Output<string>;
  /** Certificates `vault`, `git` and `repo-server` for the stack's other servers; `ca` verifies them. */
  readonly platform: Authority;
  /** Absolute path of the command that kubeconfigs call: this program. */
  readonly command: Output<string>;
  /** What must be there before objects can be made in it. */
  readonly served: Resource[];
  /** What must be there before a token of one of Dayzero's own service accounts can be asked for. */
  readonly accounts: Resource[];
  /** Gives processes of this machine their tokens. */
  readonly broker: Process;

  constructor(name: string, _args: Record<string, never>, options?: ComponentResourceOptions) {
    super("dayzero:components:Cluster", name, {}, options);
    const child = { parent: this };

    const chosen = new Ports("ports", {}, child);
    const { ports } = chosen;
    const etcdAuthority = new Authority("etcd-authority", { name: "etcd", leaves: etcdLeaves }, child);
    const authority = new Authority(
      "kubernetes-authority",
      { name: "kubernetes", leaves: kubernetesLeaves, signingKeys: ["service-account"] },
      child,
    );
    this.platform = new Authority("platform-authority", { name: "platform", leaves: platformLeaves }, child);
    const shim = new File("command", { path: "bin/dayzero", content: EXEC_PLUGIN, mode: 0o700 }, child);
    const encryption = new SecretFile(
      "encryption",
      {
        path: "etc/encryption.json",
        template: encryptionTemplate,
        purpose: "key that encrypts Secrets in etcd",
        loss: "fatal",
      },
      child,
    );
    const audit = new File("audit-policy", { path: "etc/audit-policy.json", content: auditPolicy }, child);

    this.directory = chosen.directory;
    this.ports = ports;
    this.ca = authority.ca;
    this.server = ports.apply((port) => `https://127.0.0.1:${port["kube-apiserver"]}`);
    this.command = chosen.directory.apply((directory) => `${directory}/bin/dayzero`);

    this.data = new DataFolder("etcd-data", { path: "data/etcd" }, child);
    const etcd = new Process(
      "etcd",
      {
        name: "etcd",
        tool: "etcd",
        args: ports.apply((port) => etcdArguments({ client: port.etcd, peer: port["etcd-peer"] })),
        ready: {
          kind: "http",
          url: ports.apply((port) => `https://127.0.0.1:${port.etcd}/health`),
          authority: "etcd",
          client: "kube-apiserver",
        },
        triggers: digests(etcdAuthority, ["server", "peer"]),
      },
      { ...child, dependsOn: [this.data] },
    );
    const apiServer = new Process(
      "kube-apiserver",
      {
        name: "kube-apiserver",
        tool: "kube-apiserver",
        args: ports.apply((port) => apiServerArguments({ own: port["kube-apiserver"], etcd: port.etcd })),
        // Its start is bound by the processor, and a third of that was garbage collection of a heap that stays small.
        environment: { GOGC: "400", GOMEMLIMIT: "300MiB" },
        ready: { kind: "kubernetes" },
        triggers: all([
          digests(etcdAuthority, ["kube-apiserver"]),
          digests(authority, ["kube-apiserver"]),
          encryption.drawn,
          audit.digest,
        ]).apply((values) => values.flat()),
      },
      { ...child, dependsOn: [etcd] },
    );
    const kubeconfig = (...identity: string[]) =>
      all([this.server, this.ca, this.command, this.directory]).apply(([server, ca, command, directory]) =>
        execKubeconfig({ server, ca, command, directory, identity }),
      );
    new File("kubeconfig", { path: "kubeconfig", content: kubeconfig("admin") }, child);

    const controllerConfig = new File(
      "kube-controller-manager-kubeconfig",
      {
        path: "etc/kube-controller-manager.kubeconfig",
        content: kubeconfig("certificate", "kube-controller-manager"),
      },
      child,
    );
    const controllerManager = new Process(
      "kube-controller-manager",
      {
        name: "kube-controller-manager",
        tool: "kube-controller-manager",
        args: ports.apply((port) => controllerManagerArguments(port["kube-controller-manager"])),
        ready: {
          kind: "http",
          url: ports.apply((port) => `https://127.0.0.1:${port["kube-controller-manager"]}/healthz`),
          authority: "kubernetes",
        },
        triggers: all([controllerConfig.digest, digests(authority, ["kube-controller-manager"])]).apply((values) =>
          values.flat(),
        ),
      },
      { ...child, dependsOn: [apiServer, shim] },
    );

    const generation = new Generation("generation", {}, { ...child, dependsOn: [apiServer] });
    this.generation = generation.uid;
    this.issuerKeys = generation.publicKeys;
    this.issuer = generation.issuer;

    const brokerConfig = new File(
      "identity-broker-configuration",
      {
        path: "etc/identity-broker.json",
        content: this.server.apply((server) => JSON.stringify({ server, allow: IDENTITIES })),
      },
      child,
    );
    this.broker = new Process(
      "identity-broker",
      {
        name: "identity-broker",
        tool: "dayzero",
        args: ["serve", "identity-broker", "--directory", "{directory}"],
        ready: { kind: "unix", path: "run/identity.sock" },
        // Tokens of an earlier life of the cluster are worth nothing: a new one starts with an empty broker.
        triggers: all([brokerConfig.digest, authority.caFingerprint, generation.uid]),
      },
      { ...child, dependsOn: [apiServer] },
    );

    this.served = [apiServer];
    this.accounts = this.#identities(this.served);
    // Its phase ends when all of it is there.
    const parts = [controllerManager, this.broker, ...this.accounts];
    this.registerOutputs({ server: this.server, ready: all(parts.map(({ urn }) => urn)) });
  }

  /** The service accounts of Dayzero itself, and the broker's leave to speak for one of them. */
  #identities(dependsOn: Resource[]): Resource[] {
    const options = { parent: this, deletedWith: this.data, dependsOn };
    const namespace = new KubernetesObject(
      `namespace-${DAYZERO_NAMESPACE}`,
      { apiVersion: "v1", kind: "Namespace", metadata: { name: DAYZERO_NAMESPACE } },
      options,
    );
    const inside = { ...options, dependsOn: [namespace] };
    const accounts = [OPERATOR, GIT_READER].map(
      ({ serviceAccount: { namespace, name } }) =>
        new KubernetesObject(
          `service-account-${name}`,
          {
            apiVersion: "v1",
            kind: "ServiceAccount",
            metadata: { name, namespace },
            automountServiceAccountToken: false,
          },
          inside,
        ),
    );
    const { role, roleBinding } = identityBrokerAccess(DAYZERO_NAMESPACE, [GIT_READER.serviceAccount.name]);
    return [
      namespace,
      ...accounts,
      new KubernetesObject("identity-broker-role", role, inside),
      new KubernetesObject("identity-broker-role-binding", roleBinding, inside),
    ];
  }
}

const etcdLeaves: LeafArgs[] = [
  { name: "server", commonName: "etcd", usages: ["server"], ...LOOPBACK },
  { name: "peer", commonName: "etcd-peer", usages: ["server", "client"], ...LOOPBACK },
  { name: "kube-apiserver", commonName: "kube-apiserver", usages: ["client"] },
];

const kubernetesLeaves: LeafArgs[] = [
  {
    name: "kube-apiserver",
    commonName: "kube-apiserver",
    usages: ["server"],
    dnsNames: [...LOOPBACK.dnsNames, "kubernetes.default.svc"],
    ipAddresses: LOOPBACK.ipAddresses,
  },
  { name: "kube-controller-manager", commonName: "kube-controller-manager", usages: ["server"], ...LOOPBACK },
];

const platformLeaves: LeafArgs[] = ["vault", "git", "repo-server"].map((name) => ({
  name,
  commonName: name,
  usages: ["server"],
  ...LOOPBACK,
}));

function digests(authority: Authority, leaves: string[]): Output<string[]> {
  return authority.certificateDigests.apply((known) => leaves.map((leaf) => known[leaf] ?? ""));
}
