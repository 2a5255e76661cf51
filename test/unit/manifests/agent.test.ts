import { expect, test } from "vitest";
import { agentConfigurationOf } from "../../../src/manifests/agent/agentConfigurationOf.ts";
import { agentObjects } from "../../../src/manifests/agent/agentObjects.ts";

const repository = { name: "fleet", source: "https://git.example.com:8443/team/fleet.git", path: "." };
const stack = "one";
const configuration = agentConfigurationOf(
  {
    stack,
    repository,
    vault: { kind: "external", address: "https://vault.example.com:8200", login: { method: "token" } },
  },
  { generation: "0a1b2c3d-4e5f" },
);
const image = `registry.example.com/dayzero@sha256:${"0".repeat(64)}`;

test("agentConfigurationOf() takes an OpenBao in the cluster by its Service, with the authority that was found", () => {
  const install = { namespace: "bao", replicas: 1, storage: "1Gi", networks: [], seal: { type: "shamir" } } as const;
  const vault = {
    kind: "in-cluster",
    address: "https://outside",
    install,
    recipients: [],
    shares: 1,
    threshold: 1,
  } as const;
  expect(agentConfigurationOf({ stack, repository, vault }, { generation: "0a1b2c3d", vaultCa: "CA" })).toMatchObject({
    vaultAddress: "https://openbao.bao.svc:8200",
    vaultCa: "CA",
    mount: "dayzero/one/0a1b2c3d",
  });
});

test("agentObjects() reaches the ports of DNS, API server, Vault and Git server only, and nobody reaches it", () => {
  const spec = agentObjects({ stack, image, configuration })["network-policy"]?.spec;
  const { ingress, egress } = spec as { ingress: unknown[]; egress: { ports: { port: number }[] }[] };
  expect(ingress).toEqual([]);
  expect(egress.map(({ ports }) => ports.map(({ port }) => port))).toEqual([
    [53, 53],
    [443, 6443, 8200, 8443],
  ]);
});

test("agentObjects() has another pod for another configuration", () => {
  const templateOf = (change: object) => {
    const { workload } = agentObjects({ stack, image, configuration: { ...configuration, ...change } });
    return JSON.stringify((workload as unknown as { spec: { template: { metadata: object } } }).spec.template.metadata);
  };
  expect(templateOf({})).toBe(templateOf({}));
  expect(templateOf({ url: "https://git.example.com/other.git" })).not.toBe(templateOf({}));
});

test("agentObjects() gives the agent two short-lived tokens of its own and nothing of the Application", () => {
  const { role, workload } = agentObjects({ stack, image, configuration });
  expect(role?.rules).toEqual([
    { apiGroups: [""], resources: ["secrets"], resourceNames: ["repo-fleet"], verbs: ["get", "update"] },
  ]);
  const spec = workload?.spec as {
    template: { spec: { volumes: { projected?: { sources: object[] } }[] } };
  };
  expect(spec.template.spec).toMatchObject({
    automountServiceAccountToken: false,
    serviceAccountName: "git-reader-one",
  });
  expect(spec.template.spec.volumes.flatMap(({ projected }) => projected?.sources ?? [])).toMatchObject([
    { serviceAccountToken: { expirationSeconds: 600 } },
    { serviceAccountToken: { audience: "vault", expirationSeconds: 600 } },
    { configMap: { name: "kube-root-ca.crt" } },
  ]);
});
