import type { Manifest } from "../argocd/Manifest.ts";
import { DNS_EGRESS, tcp } from "../networkRules.ts";
import type { OpenBaoSpec } from "./OpenBaoSpec.ts";
import { API_PORT, CLUSTER_PORT, OPENBAO, SELECTOR } from "./openBaoNames.ts";

/** In: the API from who needs it, the cluster port among the nodes. Out: the other nodes, DNS, and the seal where it is configured. */
export function openBaoNetworkPolicy({ namespace, access, seal }: OpenBaoSpec): Manifest {
  const nodes = [{ podSelector: { matchLabels: { ...SELECTOR } } }];
  const clients = [
    ...access.namespaces.map((name) => ({
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
    })),
    ...access.networks.map((cidr) => ({ ipBlock: { cidr } })),
  ];
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: OPENBAO, namespace },
    spec: {
      podSelector: { matchLabels: { ...SELECTOR } },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        { from: nodes, ports: tcp(API_PORT, CLUSTER_PORT) },
        // A rule that names nobody would let in everybody.
        ...(clients.length === 0 ? [] : [{ from: clients, ports: tcp(API_PORT) }]),
      ],
      egress: [
        { to: nodes, ports: tcp(API_PORT, CLUSTER_PORT) },
        DNS_EGRESS,
        ...(seal.type === "shamir"
          ? []
          : seal.egress.map(({ cidr, port }) => ({ to: [{ ipBlock: { cidr } }], ports: tcp(port) }))),
      ],
    },
  };
}
