import { output } from "@pulumi/pulumi/output.js";
import * as runtime from "@pulumi/pulumi/runtime/index.js";
import { beforeAll, expect, test } from "vitest";
import { assertOpenBaoSpec, type OpenBaoSpec, type Seal } from "../../../src/manifests/openbao/OpenBaoSpec.ts";
import { openBaoConfiguration } from "../../../src/manifests/openbao/openBaoConfiguration.ts";
import { openBaoNetworkPolicy } from "../../../src/manifests/openbao/openBaoNetworkPolicy.ts";
import { openBaoSpecOf } from "../../../src/manifests/openbao/openBaoSpecOf.ts";
import { openBaoStatefulSet } from "../../../src/manifests/openbao/openBaoStatefulSet.ts";

const transit: Exclude<Seal, { type: "shamir" }> = {
  type: "transit",
  settings: { address: "https://seal.example.com:8200", key_name: "unseal", mount_path: "transit/" },
  environmentSecret: "openbao-seal",
  egress: [{ cidr: "203.0.113.7/32", port: 8200 }],
};
const spec: OpenBaoSpec = openBaoSpecOf({
  install: { namespace: "openbao", replicas: 3, storage: "10Gi", networks: ["198.51.100.0/24"], seal: transit },
});
const registered = new Map<string, { type: string; inputs: Record<string, unknown> }>();

beforeAll(async () => {
  await runtime.setMocks(
    {
      call: async () => ({}),
      newResource: async ({ name, type, inputs }) => {
        registered.set(name, { type, inputs: inputs as Record<string, unknown> });
        const found = type.endsWith("ServerCertificate") ? { ca: "CA", digest: "digest of the certificate" } : {};
        return { id: name, state: { ...inputs, ...found } };
      },
    },
    "dayzero",
    "test",
  );
  const { OpenBao } = await import("../../../src/components/OpenBao.ts");
  const made = new OpenBao("openbao", {
    spec,
    address: "https://192.0.2.7:8200",
    recipients: [],
    shares: 1,
    threshold: 1,
    after: output([]),
  });
  await new Promise((resolve) => made.address.apply(resolve));
  await runtime.disconnect();
});

test("OpenBao puts the operator's address into the certificate, and its digest into the pods", () => {
  expect(registered.get("openbao-certificate")?.inputs).toMatchObject({
    namespace: "openbao",
    secret: "openbao-tls",
    ipAddresses: ["192.0.2.7"],
    dnsNames: expect.arrayContaining(["openbao.openbao.svc", "openbao-2.openbao-internal.openbao.svc"]),
  });
  expect(registered.get("openbao-nodes")?.inputs).toMatchObject({
    kind: "StatefulSet",
    spec: {
      template: { metadata: { annotations: { "dayzero.dev/certificate-digest": "digest of the certificate" } } },
    },
  });
  expect(registered.get("openbao-initialization")?.inputs).toMatchObject({
    address: "https://192.0.2.7:8200",
    authority: "openbao/openbao-tls",
    autoUnseal: true,
  });
});

test("openBaoConfiguration() names each node to join, and no credential", () => {
  const configuration = JSON.parse(openBaoConfiguration(spec));
  expect(configuration.storage.raft.retry_join.map((peer: Record<string, string>) => peer.leader_api_addr)).toEqual(
    [0, 1, 2].map((ordinal) => `https://openbao-${ordinal}.openbao-internal.openbao.svc:8200`),
  );
  expect(configuration.seal).toEqual([{ transit: transit.settings }]);
  expect(configuration.audit).toHaveLength(1);
});

test("openBaoNetworkPolicy() lets in whom the spec names, and out to the nodes, DNS and the seal only", () => {
  const policy = openBaoNetworkPolicy(spec).spec as { ingress: unknown[]; egress: { to: unknown[] }[] };
  expect(policy.ingress).toMatchObject([
    { from: [{ podSelector: {} }], ports: [{ port: 8200 }, { port: 8201 }] },
    {
      from: [
        { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "dayzero-system" } } },
        { ipBlock: { cidr: "198.51.100.0/24" } },
      ],
      ports: [{ port: 8200 }],
    },
  ]);
  expect(policy.egress.flatMap(({ to }) => to)).toHaveLength(4);
  expect(policy.egress.at(-1)).toEqual({
    to: [{ ipBlock: { cidr: "203.0.113.7/32" } }],
    ports: [{ protocol: "TCP", port: 8200 }],
  });
  const closed = openBaoNetworkPolicy({ ...spec, seal: { type: "shamir" }, access: { namespaces: [], networks: [] } });
  expect((closed.spec as { ingress: unknown[] }).ingress).toHaveLength(1);
  expect((closed.spec as { egress: unknown[] }).egress).toHaveLength(2);
});

test("openBaoSpecOf() takes the image of a mirror", () => {
  const image = `mirror.example.com/openbao@sha256:${"0".repeat(64)}`;
  const install = { namespace: "openbao", image, replicas: 3, storage: "10Gi", networks: [], seal: transit };
  expect(openBaoStatefulSet(openBaoSpecOf({ install }), {}).spec).toMatchObject({
    template: { spec: { containers: [{ image }] } },
  });
});

test("openBaoStatefulSet() mounts no token of its service account, and takes the seal's credential from the Secret named", () => {
  const { template } = openBaoStatefulSet(spec, {}).spec as { template: { spec: Record<string, unknown> } };
  expect(template.spec).toMatchObject({
    automountServiceAccountToken: false,
    containers: [
      {
        envFrom: [{ secretRef: { name: "openbao-seal" } }],
        livenessProbe: { httpGet: { path: expect.stringContaining("sealedcode=200") } },
        readinessProbe: { httpGet: { path: expect.not.stringContaining("sealedcode") } },
      },
    ],
  });
});

test("assertOpenBaoSpec() names every problem, and shows no credential", () => {
  expect(() => assertOpenBaoSpec(spec)).not.toThrow();
  expect(() => assertOpenBaoSpec({ ...spec, replicas: 1, seal: { type: "shamir" } })).not.toThrow();
  expect(() => assertOpenBaoSpec({ ...spec, seal: { type: "shamir" } })).toThrow(
    /replicas: expected 1 with seal shamir/,
  );
  const broken: OpenBaoSpec = {
    ...spec,
    image: "openbao:latest",
    replicas: 2,
    seal: { ...transit, type: "awskms", settings: { secret_key: "hunter2" }, egress: [] },
  };
  expect(() => assertOpenBaoSpec(broken)).toThrow(
    /5 problems\n {2}image: .*\n {2}replicas: .*\n {2}seal\.settings\.secret_key: a credential is not taken.*\n {2}seal\.plugin: .*\n {2}seal\.egress: /,
  );
  expect(() => assertOpenBaoSpec(broken)).not.toThrow(/hunter2/);
});
