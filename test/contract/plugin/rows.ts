import { generateKeyPairSync } from "node:crypto";
import type { Wire } from "../../support/ProviderClient.ts";
import type { Platform } from "../git/Platform.ts";

/** Where a row's resource is made: beside those of a platform that is up, in a stack with nothing in it, or in a cluster of others. */
export type Place = "platform" | "fresh" | "existing";

/** What is there once the tests began. */
export interface World {
  readonly platform: Platform;
  readonly redisPort: number;
  /** Deletes through the plugin. */
  remove(type: string, id: string): Promise<void>;
}

export interface Row {
  /** Asked for when the platform is there. */
  readonly inputs: (world: World) => Wire;
  /** What an update changes; absent where none of its inputs can change without a replacement. */
  readonly update?: Wire;
  /** By default beside the platform's. */
  readonly place?: Place;
  /** Why it is not made here: creating it adopts what the platform's program made. */
  readonly adopts?: string;
  /** What makes room for it. */
  readonly beforeCreate?: (world: World) => Promise<unknown>;
  /** Its read answers as before when it was deleted: it is found, never made, or it is the absence of something. */
  readonly remains?: true;
  /** Code of the error with which it is read once it is gone, while the rest of the platform is there. */
  readonly missedAs?: string;
  /** More inputs, for the sake of the texts in them. */
  readonly texts?: Wire;
  /** Files of the state folder in which a secret input may end up. */
  readonly keeps?: RegExp;
  /** Why a secret input is only planned with. */
  readonly plannedOnly?: string;
}

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
const GENERATION = "0f0e0d0c-0000-4000-8000-000000000000";
const MOUNT = "dayzero/test/0f0e0d0c";
const keys = [0, 1].map(() =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "pem" }),
);
const namespace = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "plugin", namespace: "default" } };

const loopback = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
/** As the program of the platform declares them. */
const etcdLeaves = [
  { name: "server", commonName: "etcd", usages: ["server"], ...loopback },
  { name: "peer", commonName: "etcd-peer", usages: ["server", "client"], ...loopback },
  { name: "kube-apiserver", commonName: "kube-apiserver", usages: ["client"] },
];

/** A row for each registered type. */
export const ROWS: Readonly<Record<string, Row>> = {
  "dayzero:local:Ports": { inputs: () => ({}), place: "fresh" },
  "dayzero:local:Authority": {
    inputs: () => ({ name: "etcd", leaves: etcdLeaves }),
    update: { leaves: [...etcdLeaves, { name: "late", commonName: "late", usages: ["client"] }] },
    place: "fresh",
  },
  "dayzero:local:File": {
    inputs: () => ({ path: "etc/plugin.conf", content: "a" }),
    update: { content: "b" },
    keeps: /^etc\/plugin\.conf$/,
  },
  "dayzero:local:SecretFile": {
    inputs: () => ({ path: "etc/plugin.secret", template: "{{random:hex:32}}", purpose: "a test" }),
  },
  "dayzero:local:DataFolder": { inputs: () => ({ path: "data/plugin" }) },
  "dayzero:vault:Storage": { inputs: () => ({}), place: "fresh" },
  "dayzero:local:Process": {
    inputs: ({ redisPort }) => ({
      name: "plugin-redis",
      tool: "redis-server",
      args: ["--bind", "127.0.0.1", "--port", String(redisPort), "--save", ""],
      ready: { kind: "redis", port: redisPort },
    }),
    update: { triggers: ["again"] },
    texts: { environment: { PLUGIN: "text" }, triggers: ["again"] },
    keeps: /^(run|etc|logs|owned)\//,
  },
  "dayzero:cluster:Generation": { inputs: () => ({}), adopts: "it is the cluster's own identity", remains: true },
  "dayzero:kubernetes:Object": {
    inputs: () => ({ ...namespace, data: { a: "1" } }),
    update: { data: { a: "2" } },
    texts: { metadata: { ...namespace.metadata, annotations: { text: "text" } } },
  },
  "dayzero:cluster:Definitions": {
    inputs: () => ({ name: "plugin", tool: "argocd-crds", files: ["appproject-crd.yaml"] }),
  },
  "dayzero:vault:ServerCertificate": {
    inputs: () => ({ namespace: "default", secret: "plugin-tls", dnsNames: ["plugin.default.svc"] }),
    update: { dnsNames: ["plugin.default.svc", "plugin"] },
  },
  "dayzero:vault:Initialization": {
    inputs: ({ platform }) => ({
      address: platform.credential.vaultAddress,
      authority: "platform",
      recipients: [],
      shares: 1,
      threshold: 1,
    }),
    adopts: "a Vault is initialized once",
    missedAs: "VAULT_INITIALIZED_BY_OTHERS",
    plannedOnly: "it would seal the shares of the platform's Vault anew",
  },
  "dayzero:vault:Policy": {
    inputs: () => ({
      name: "dayzero.test.git-reader",
      template: "git-reader",
      values: { stack: "test" },
    }),
    adopts: "the operator may not write policies: it was written with the initial root token",
    plannedOnly: "the operator may not write policies",
  },
  "dayzero:vault:JwtAuth": {
    inputs: () => ({
      mount: MOUNT,
      generation: GENERATION,
      issuerKeys: [keys[0]],
      issuer: "https://kubernetes.default.svc",
    }),
    update: { issuerKeys: [keys[1]] },
  },
  "dayzero:vault:JwtRole": {
    inputs: () => ({
      mount: MOUNT,
      name: "git-reader",
      subject: "system:serviceaccount:default:plugin",
      audience: "vault",
      policy: "dayzero.test.git-reader",
      uses: 1,
    }),
    update: { uses: 2 },
  },
  "dayzero:vault:OidcIssuer": {
    inputs: ({ platform }) => ({ address: platform.credential.vaultAddress }),
    beforeCreate: ({ remove }) => remove("dayzero:vault:OidcIssuer", "issuer"),
  },
  "dayzero:vault:OidcKey": {
    inputs: () => ({ name: "dayzero.test.0f0e0d0c", audiences: ["dayzero/test/git/plugin"] }),
    update: { audiences: ["dayzero/test/git/plugin", "dayzero/test/git/other"] },
  },
  "dayzero:vault:OidcRole": {
    inputs: () => ({
      name: "dayzero.test.plugin",
      repository: "plugin",
      generation: GENERATION,
      key: "dayzero.test.0f0e0d0c",
      audience: "dayzero/test/git/plugin",
    }),
    update: { audience: "dayzero/test/git/other" },
  },
  "dayzero:vault:RootToken": {
    inputs: ({ platform: { credential } }) => ({
      state: "revoked",
      address: credential.vaultAddress,
      mount: credential.mount,
    }),
    adopts: "it was revoked when the platform came up",
    remains: true,
  },
  "dayzero:git:Repository": {
    inputs: () => ({ name: "plugin", source: { kind: "scaffold" } }),
    update: { path: "base" },
    texts: { source: { kind: "url", url: "https://127.0.0.1:1/text.git" } },
  },
  "dayzero:gitops:Installation": {
    inputs: () => ({ namespace: "argocd", variant: "core", tool: "argocd-manifests" }),
    update: { authorities: { "git.example.org": CERTIFICATE } },
    texts: { authorities: { "git.example.org": CERTIFICATE } },
    place: "existing",
  },
  "dayzero:gitops:RepositoryCredential": {
    inputs: ({ platform }) => ({ ...platform.credential }),
    beforeCreate: async ({ platform, remove }) => {
      // It would make the Secret again.
      await platform.kill("renewer");
      await remove("dayzero:gitops:RepositoryCredential", "argocd/fleet");
    },
  },
  "dayzero:gitops:Handover": {
    inputs: ({ platform }) => ({
      namespace: "argocd",
      secret: "gone",
      repository: "fleet",
      url: platform.credential.url,
    }),
    adopts: "somebody else's Secret goes only once an agent has renewed the stack's own",
    remains: true,
  },
};
