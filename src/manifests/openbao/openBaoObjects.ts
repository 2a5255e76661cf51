import type { Manifest } from "../argocd/Manifest.ts";
import { RESTRICTED_NAMESPACE_LABELS } from "../restrictedPod.ts";
import type { OpenBaoSpec } from "./OpenBaoSpec.ts";
import { openBaoConfiguration } from "./openBaoConfiguration.ts";
import { API_PORT, CLUSTER_PORT, OPENBAO, OPENBAO_INTERNAL, OPENBAO_OPERATOR, SELECTOR } from "./openBaoNames.ts";
import { openBaoNetworkPolicy } from "./openBaoNetworkPolicy.ts";

/** The namespace of the nodes; all else is in it. */
export function openBaoNamespace({ namespace }: OpenBaoSpec): Manifest {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: namespace, labels: { ...RESTRICTED_NAMESPACE_LABELS } },
  };
}

/** What the nodes need besides their certificate, before they start. Keys are for the names of a program's resources. */
export function openBaoObjects(spec: OpenBaoSpec): Readonly<Record<string, Manifest>> {
  const { namespace, seal } = spec;
  const labels = { ...SELECTOR };
  const metadata = (name: string) => ({ name, namespace, labels });
  const port = { name: "api", port: API_PORT, targetPort: "api" };
  const annotations = seal.type === "shamir" ? undefined : seal.serviceAccountAnnotations;
  return {
    "service-account": {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { ...metadata(OPENBAO), ...(annotations === undefined ? {} : { annotations }) },
      automountServiceAccountToken: false,
    },
    configuration: {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: metadata(OPENBAO),
      data: { "server.json": openBaoConfiguration(spec) },
    },
    // For clients: any node that serves. A standby hands requests on to the active one.
    service: {
      apiVersion: "v1",
      kind: "Service",
      metadata: metadata(OPENBAO),
      spec: { selector: labels, ports: [port] },
    },
    "service-internal": {
      apiVersion: "v1",
      kind: "Service",
      metadata: metadata(OPENBAO_INTERNAL),
      spec: {
        clusterIP: "None",
        publishNotReadyAddresses: true,
        selector: labels,
        ports: [port, { name: "cluster", port: CLUSTER_PORT, targetPort: "cluster" }],
      },
    },
    // For the operator: one certain node, because to initialize and to unseal mean a node that is not ready yet.
    "service-operator": {
      apiVersion: "v1",
      kind: "Service",
      metadata: metadata(OPENBAO_OPERATOR),
      spec: {
        publishNotReadyAddresses: true,
        selector: { "statefulset.kubernetes.io/pod-name": `${OPENBAO}-0` },
        ports: [port],
      },
    },
    "disruption-budget": {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: metadata(OPENBAO),
      spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow", selector: { matchLabels: labels } },
    },
    "network-policy": openBaoNetworkPolicy(spec),
  };
}
