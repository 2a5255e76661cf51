import type { OpenBaoSpec, Seal } from "../../../src/manifests/openbao/OpenBaoSpec.ts";

const plugin = (name: string) => ({
  image: `ghcr.io/openbao/openbao-plugin-kms-${name}`,
  version: "v0.1.0",
  binary: `openbao-plugin-kms-${name}`,
  sha256: "a".repeat(64),
});
const egress = [{ cidr: "203.0.113.0/24", port: 443 }];

/** One of each kind of seal, with all that may come with it. */
export const SEALS: readonly Seal[] = [
  { type: "shamir" },
  {
    type: "transit",
    settings: { address: "https://vault.example.com:8200", key_name: "unseal", mount_path: "transit/" },
    environmentSecret: "openbao-seal",
    egress: [{ cidr: "203.0.113.7/32", port: 8200 }],
  },
  {
    type: "awskms",
    settings: { region: "eu-west-1", kms_key_id: "alias/unseal" },
    plugin: plugin("aws"),
    serviceAccountAnnotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/unseal" },
    egress,
  },
  {
    type: "gcpckms",
    settings: { project: "example", region: "global", key_ring: "vault", crypto_key: "unseal" },
    plugin: plugin("gcp"),
    serviceAccountAnnotations: { "iam.gke.io/gcp-service-account": "unseal@example.iam.gserviceaccount.com" },
    egress,
  },
  {
    type: "azurekeyvault",
    settings: { tenant_id: "00000000-0000-0000-0000-000000000000", vault_name: "example", key_name: "unseal" },
    plugin: plugin("azure"),
    podLabels: { "azure.workload.identity/use": "true" },
    egress,
  },
];

export function openBaoSpec(seal: Seal): OpenBaoSpec {
  return {
    namespace: "openbao",
    image: `quay.io/openbao/openbao:2.7.1@sha256:${"b".repeat(64)}`,
    replicas: seal.type === "shamir" ? 1 : 3,
    storage: "10Gi",
    storageClass: "fast",
    seal,
    access: { namespaces: ["dayzero-system"], networks: ["198.51.100.0/24"] },
  };
}
