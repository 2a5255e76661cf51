import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import { stackLeaseReference } from "../../../src/hosts/StackLease.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import { ProviderClient } from "../../support/ProviderClient.ts";

const CANARY = "canary-51c0-not-for-anybody";

let cluster: ApiServer;
let kubernetes: KubernetesClient;
let project: string;

beforeAll(async () => {
  cluster = await startApiServer(inject("tools"));
  kubernetes = cluster.client();
  project = await mkdtemp(join(tmpdir(), "dz-existing-"));
  await writeFile(join(project, "Pulumi.yaml"), "name: fleet\nruntime: nodejs\n");
}, 120_000);

afterAll(async () => {
  await kubernetes?.close();
  await cluster?.stop();
  await rm(project, { recursive: true, force: true });
});

function plugin(): Promise<ProviderClient> {
  const vault = { address: "https://vault.invalid", login: { method: "jwt", role: "r", tokenFile: "token" } };
  const config = {
    program: "existing",
    cluster: JSON.stringify({ kubeconfig: cluster.kubeconfig }),
    vault: JSON.stringify(vault),
    repository: JSON.stringify({ source: "https://git.example.com/team/fleet.git" }),
  };
  return ProviderClient.start({ project, stack: "prod", config });
}

it("holds the stack's Lease from its first write, whatever that is to", async () => {
  const holder = async () =>
    ((await kubernetes.get(stackLeaseReference("prod"))) as { spec?: { holderIdentity?: string } } | undefined)?.spec
      ?.holderIdentity;
  const client = await plugin();
  try {
    const inputs = { path: "etc/a.conf", content: "a" };
    await client.create("dayzero:local:File", "a", inputs, true);
    expect(await holder()).toBeUndefined();
    await client.create("dayzero:local:File", "a", inputs);
    expect(await holder()).toContain(`/${client.pid}/`);
  } finally {
    await client.stop();
  }
  expect(await holder()).toBe("");
}, 60_000);

it("imports a Secret without what it holds, in data or in a copy of it", async () => {
  const stringData = { password: CANARY };
  const metadata = { name: "held", namespace: "default", annotations: { copy: CANARY } };
  await kubernetes.create({ apiVersion: "v1", kind: "Secret", metadata, stringData });
  const client = await plugin();
  try {
    const imported = await client.read("dayzero:kubernetes:Object", "held", { id: "core/Secret/default/held" });
    expect(imported.properties).toMatchObject({ metadata: { name: "held" } });
    const text = JSON.stringify(imported);
    expect(text).not.toContain(CANARY);
    expect(text).not.toContain(Buffer.from(CANARY).toString("base64"));
  } finally {
    await client.stop();
  }
}, 60_000);
