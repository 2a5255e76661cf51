import { type Output, output } from "@pulumi/pulumi/output.js";
import * as runtime from "@pulumi/pulumi/runtime/index.js";
import { beforeAll, expect, test } from "vitest";
import type { ClusterTrust } from "../../../src/components/ClusterTrust.ts";
import type { Vault } from "../../../src/components/Vault.ts";

const GENERATION = "0a1b2c3d-0000-4000-8000-000000000000";
const registered = new Map<string, { type: string; inputs: Record<string, unknown> }>();
let vault: Vault;
let trust: ClusterTrust;

const value = <T>(later: Output<T>): Promise<T> => new Promise((resolve) => later.apply(resolve));

beforeAll(async () => {
  await runtime.setMocks(
    {
      call: async () => ({}),
      newResource: async ({ name, type, inputs }) => {
        registered.set(name, { type, inputs: inputs as Record<string, unknown> });
        const made: Record<string, object> = {
          "dayzero:local:File": { digest: "config-digest" },
          "dayzero:local:Authority": { certificateDigests: { vault: "certificate-digest" } },
          "dayzero:vault:Initialization": { initialized: true },
          "dayzero:vault:OidcIssuer": { issuer: "https://127.0.0.1:8200/v1/identity/oidc" },
        };
        return { id: name, state: { ...inputs, ...made[type] } };
      },
    },
    "dayzero",
    "local",
  );
  const components = await Promise.all([
    import("../../../src/components/Vault.ts"),
    import("../../../src/components/ClusterTrust.ts"),
    import("../../../src/resources/local/index.ts"),
  ]);
  const [{ Vault }, { ClusterTrust }, { Authority }] = components;
  const platform = new Authority("platform", { name: "platform", leaves: [] });
  const ports = output({ vault: 8200, "vault-cluster": 8201 });
  vault = new Vault("vault", { cluster: { ports, platform }, recipients: [], shares: 1, threshold: 1 });
  trust = new ClusterTrust("trust", {
    generation: GENERATION,
    issuerKeys: ["PUBLIC KEY"],
    issuer: "https://kubernetes.default.svc",
    vault,
    repository: "fleet",
  });
  await Promise.all([value(vault.initialized), value(trust.mount)]);
});

test("Vault runs bao on loopback and restarts it for another configuration or certificate", async () => {
  expect(registered.get("vault-server")?.inputs).toMatchObject({
    tool: "bao",
    args: ["server", "-config=etc/vault.hcl"],
    ready: { url: expect.stringMatching(/^https:\/\/127\.0\.0\.1:8200\/v1\/sys\/health\?/), authority: "platform" },
    triggers: ["config-digest", "certificate-digest"],
  });
  const content = registered.get("vault-configuration")?.inputs.content;
  expect(content).toContain('address = "127.0.0.1:8200"');
  expect(content).toContain('cluster_address = "127.0.0.1:8201"');
  expect(await value(vault.address)).toBe("https://127.0.0.1:8200");
});

test("ClusterTrust gives the Git reader one use, the operator its own policy, and ends the root token", async () => {
  expect(registered.get("trust-git-reader")?.inputs).toEqual({
    mount: "dayzero/local/0a1b2c3d",
    name: "git-reader",
    subject: "system:serviceaccount:dayzero-system:git-reader",
    audience: "vault",
    policy: "dayzero.local.git-reader",
    uses: 1,
  });
  expect(registered.get("trust-operator")?.inputs).toMatchObject({ policy: "dayzero.local.operator" });
  expect([...registered.keys()].at(-1)).toBe("trust-root-token");
  expect(registered.get("trust-root-token")?.inputs).toMatchObject({
    state: "revoked",
    mount: "dayzero/local/0a1b2c3d",
  });
});

test("ClusterTrust tells what the Git server has to verify", async () => {
  expect(await value(trust.oidcIssuer)).toBe("https://127.0.0.1:8200/v1/identity/oidc");
  expect(await value(trust.oidcRole)).toBe("dayzero.local.fleet");
  expect(await value(trust.audience)).toBe("dayzero/local/git/fleet");
  expect(await value(trust.generation)).toBe(GENERATION);
  expect(await value(trust.mount)).toBe("dayzero/local/0a1b2c3d");
});
