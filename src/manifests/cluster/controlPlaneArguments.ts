/** `iss` of the cluster's service-account tokens. */
const SERVICE_ACCOUNT_ISSUER = "https://kubernetes.default.svc";

/** The few controllers that a cluster without nodes needs. */
const CONTROLLERS = [
  "clusterrole-aggregation-controller",
  "garbage-collector-controller",
  "namespace-controller",
  "root-ca-certificate-publisher-controller",
  "serviceaccount-controller",
  "validatingadmissionpolicy-status-controller",
];

/** One member, every port behind a client certificate; each write is on the disk before it is acknowledged. */
export function etcdArguments(ports: { client: number; peer: number }): string[] {
  const client = `https://127.0.0.1:${ports.client}`;
  const peer = `https://127.0.0.1:${ports.peer}`;
  return [
    "--name=dayzero",
    "--data-dir=data/etcd",
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    "--client-cert-auth",
    "--trusted-ca-file=pki/etcd/ca.crt",
    "--cert-file=pki/etcd/server.crt",
    "--key-file=pki/etcd/server.key",
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=dayzero=${peer}`,
    "--peer-client-cert-auth",
    "--peer-trusted-ca-file=pki/etcd/ca.crt",
    "--peer-cert-file=pki/etcd/peer.crt",
    "--peer-key-file=pki/etcd/peer.key",
    "--enable-grpc-gateway=false",
    // Nobody else stands for election: waiting a whole second for others only delays the start.
    "--heartbeat-interval=20",
    "--election-timeout=200",
  ];
}

/** https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/ */
export function apiServerArguments(ports: { own: number; etcd: number }): string[] {
  return [
    "--bind-address=127.0.0.1",
    `--secure-port=${ports.own}`,
    "--tls-cert-file=pki/kubernetes/kube-apiserver.crt",
    "--tls-private-key-file=pki/kubernetes/kube-apiserver.key",
    "--tls-min-version=VersionTLS13",
    "--client-ca-file=pki/kubernetes/ca.crt",
    "--anonymous-auth=false",
    "--authorization-mode=RBAC",
    `--etcd-servers=https://127.0.0.1:${ports.etcd}`,
    "--etcd-cafile=pki/etcd/ca.crt",
    "--etcd-certfile=pki/etcd/kube-apiserver.crt",
    "--etcd-keyfile=pki/etcd/kube-apiserver.key",
    "--encryption-provider-config=etc/encryption.json",
    `--service-account-issuer=${SERVICE_ACCOUNT_ISSUER}`,
    "--service-account-signing-key-file=pki/kubernetes/service-account.key",
    "--service-account-key-file=pki/kubernetes/service-account.pub",
    // Else the server stretches what in-cluster clients ask for to a year.
    "--service-account-extend-token-expiration=false",
    "--service-account-max-token-expiration=1h",
    "--audit-policy-file=etc/audit-policy.json",
    "--audit-log-path=logs/audit.log",
    "--audit-log-maxsize=50",
    "--audit-log-maxbackup=2",
    "--service-cluster-ip-range=10.96.0.0/16",
    // No network is needed to say where we are, and no pod asks the `kubernetes` service for it.
    "--advertise-address=127.0.0.1",
    "--endpoint-reconciler-type=none",
    "--profiling=false",
  ];
}

/** https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/ */
export function controllerManagerArguments(port: number): string[] {
  const kubeconfig = "etc/kube-controller-manager.kubeconfig";
  return [
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    "--tls-cert-file=pki/kubernetes/kube-controller-manager.crt",
    "--tls-private-key-file=pki/kubernetes/kube-controller-manager.key",
    "--tls-min-version=VersionTLS13",
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    "--client-ca-file=pki/kubernetes/ca.crt",
    // Nothing comes here through an aggregator.
    "--authentication-skip-lookup=true",
    `--controllers=${CONTROLLERS.join(",")}`,
    "--leader-elect=false",
    "--root-ca-file=pki/kubernetes/ca.crt",
    "--use-service-account-credentials=true",
    "--profiling=false",
  ];
}
