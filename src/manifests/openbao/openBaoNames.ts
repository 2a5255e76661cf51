import type { OpenBaoSpec } from "./OpenBaoSpec.ts";

/** Name of the StatefulSet, the service account and the Service for clients. */
export const OPENBAO = "openbao";
/** Headless Service: how the nodes find one another, ready or not. */
export const OPENBAO_INTERNAL = "openbao-internal";
/** Service of the first node, ready or not: where initialization and unsealing go. */
export const OPENBAO_OPERATOR = "openbao-operator";
/** TLS Secret of the nodes. */
export const OPENBAO_CERTIFICATE = "openbao-tls";

/** Names of the volumes of each node. */
export const VOLUMES = ["data", "audit"] as const;

export const API_PORT = 8200;
export const CLUSTER_PORT = 8201;

/** Where the container has what. */
export const PATHS = {
  configuration: "/etc/openbao",
  tls: "/etc/openbao-tls",
  data: "/var/lib/openbao",
  audit: "/var/log/openbao",
  plugins: "/var/lib/openbao-plugins",
  temporary: "/tmp",
} as const;

export const SELECTOR = { "app.kubernetes.io/name": OPENBAO } as const;

/** How clients in the cluster reach it. */
export function openBaoAddress({ namespace }: Pick<OpenBaoSpec, "namespace">): string {
  return `https://${OPENBAO}.${namespace}.svc:${API_PORT}`;
}

/** The Secret in which the CA of its certificate is found, as `<namespace>/<name>`. */
export function openBaoAuthority({ namespace }: Pick<OpenBaoSpec, "namespace">): string {
  return `${namespace}/${OPENBAO_CERTIFICATE}`;
}

/** Name of a node, known to its peers by the headless Service. */
export function nodeName(namespace: string, ordinal: number): string {
  return `${OPENBAO}-${ordinal}.${OPENBAO_INTERNAL}.${namespace}.svc`;
}

/** Names that the certificate of the nodes has to carry, besides the one by which the operator comes. */
export function openBaoDnsNames({ namespace, replicas }: Pick<OpenBaoSpec, "namespace" | "replicas">): string[] {
  const services = [OPENBAO, OPENBAO_INTERNAL, OPENBAO_OPERATOR];
  return [
    "localhost",
    ...services.flatMap((service) => [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`]),
    ...Array.from({ length: replicas }, (_, ordinal) => nodeName(namespace, ordinal)),
  ];
}

/** Whether a claim of its namespace, by name, is one that the StatefulSet made. */
export function isOpenBaoVolume(claim: string): boolean {
  return new RegExp(`^(${VOLUMES.join("|")})-${OPENBAO}-\\d+$`).test(claim);
}
