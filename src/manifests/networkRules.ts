const DNS_PORTS = [
  { protocol: "UDP", port: 53 },
  { protocol: "TCP", port: 53 },
];

/** Egress to the cluster's DNS: its pods, and the address on which NodeLocal DNSCache answers on each node. */
export const DNS_EGRESS = {
  to: [
    { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } } },
    { ipBlock: { cidr: "169.254.20.10/32" } },
  ],
  ports: DNS_PORTS,
};

export function tcp(...ports: readonly number[]): { protocol: "TCP"; port: number }[] {
  return ports.map((port) => ({ protocol: "TCP", port }));
}
