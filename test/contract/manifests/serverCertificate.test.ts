import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import type { Context } from "../../../src/resources/Resource.ts";
import {
  type ServerCertificateInputs,
  serverCertificateResource,
} from "../../../src/resources/vault/ServerCertificateResource.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";

const SECRET = { apiVersion: "v1", kind: "Secret", namespace: "openbao" } as const;
const { identify, read, plan, apply, owned, remove, ledger } = serverCertificateResource;

let server: ApiServer;
let client: KubernetesClient;
let now = new Date();

beforeAll(async () => {
  server = await startApiServer(inject("tools"));
  client = server.client();
  await client.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "openbao" } });
}, 120_000);

afterAll(async () => {
  await client?.close();
  await server?.stop();
});

const context = (stack = "test") => ({ stack, now: () => now, kubernetes: async () => client }) as unknown as Context;

const desired = (secret: string, change: Partial<ServerCertificateInputs> = {}): ServerCertificateInputs =>
  serverCertificateResource.inputs.parse({
    namespace: "openbao",
    secret,
    dnsNames: ["openbao.openbao.svc"],
    ...change,
  });

async function converge(inputs: ServerCertificateInputs) {
  const changes = plan(await read(identify(inputs), context(), inputs), inputs);
  const live = changes.length === 0 ? await read(identify(inputs), context()) : await apply(changes, inputs, context());
  if (live === undefined) throw new Error("there is none");
  expect(plan(await read(identify(inputs), context()), inputs)).toEqual([]);
  return { changes, live };
}

async function dataOf(name: string): Promise<Record<string, string>> {
  const secret = await client.get({ ...SECRET, name });
  const data = (secret?.data ?? {}) as Record<string, string>;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]));
}

test("serverCertificateResource makes a certificate that its authority signed, and shows no key", async () => {
  const { live, changes } = await converge(desired("made", { ipAddresses: ["192.0.2.7"] }));
  expect(changes).toEqual([{ action: "create", path: "" }]);
  const [leaf, authority] = [await dataOf("made"), await dataOf("made-authority")];
  const certificate = new X509Certificate(leaf["tls.crt"] as string);
  expect(certificate.verify(new X509Certificate(live.ca).publicKey)).toBe(true);
  expect(certificate.checkHost("openbao.openbao.svc")).toBeTruthy();
  expect(certificate.checkIP("192.0.2.7")).toBeTruthy();
  expect(leaf["ca.crt"]).toBe(live.ca);
  // The server mounts the one; the authority's key is in the other.
  for (const key of [leaf["tls.key"], authority["tls.key"]]) {
    expect(key).toContain("PRIVATE KEY");
    const lines = (key as string).split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
    for (const shown of [live, ledger?.("", live), changes]) {
      for (const line of lines) expect(JSON.stringify(shown)).not.toContain(line);
    }
  }
  expect(leaf["tls.key"]).not.toBe(authority["tls.key"]);
  expect(ledger?.("", live).map(({ where, residual }) => [where, residual])).toEqual([
    ["Secret openbao/made", false],
    ["Secret openbao/made-authority", true],
  ]);
});

test("serverCertificateResource renews what is due, and what has other names, under the same authority", async () => {
  const before = (await converge(desired("renewed"))).live;
  const renamed = await converge(desired("renewed", { dnsNames: ["vault.example.com"] }));
  expect(renamed.changes).toMatchObject([{ action: "update", path: "dnsNames" }]);
  now = new Date(now.getTime() + 300 * 86_400_000);
  try {
    const { changes, live } = await converge(desired("renewed", { dnsNames: ["vault.example.com"] }));
    expect(changes).toMatchObject([{ action: "update", path: "expiresAt" }]);
    expect(new Set([before.digest, renamed.live.digest, live.digest]).size).toBe(3);
    expect(live.ca).toBe(before.ca);
    expect(Date.parse(live.expiresAt)).toBeGreaterThan(Date.parse(renamed.live.expiresAt));
  } finally {
    now = new Date();
  }
});

test("serverCertificateResource replaces an authority that would end before its certificate", async () => {
  const before = (await converge(desired("old"))).live;
  now = new Date(now.getTime() + 3_400 * 86_400_000);
  try {
    const { changes, live } = await converge(desired("old"));
    expect(changes.map(({ path }) => path)).toContain("ca");
    expect(live.ca).not.toBe(before.ca);
  } finally {
    now = new Date();
  }
});

test("serverCertificateResource goes on from what a crash left", async () => {
  const { live } = await converge(desired("crashed"));
  await client.delete({ ...SECRET, name: "crashed" });
  const again = await converge(desired("crashed"));
  expect(again.changes).toEqual([{ action: "create", path: "" }]);
  expect(again.live.ca).toBe(live.ca);
});

test("serverCertificateResource finds and removes what is the stack's, and touches nothing else", async () => {
  await converge(desired("removed"));
  await client.create({ ...SECRET, metadata: { name: "foreign", namespace: "openbao" }, data: { a: "Yg==" } });
  expect(await owned("test", context())).toContain("openbao/removed");
  expect(await owned("other", context())).toEqual([]);
  await expect(read("openbao/foreign", context())).rejects.toMatchObject({ code: "SECRET_NOT_OWN" });
  await expect(read("openbao/removed", context("other"))).rejects.toMatchObject({ code: "SECRET_NOT_OWN" });
  await remove("openbao/foreign", context());

  await remove("openbao/removed", context());
  await remove("openbao/removed", context());
  expect(await owned("test", context())).not.toContain("openbao/removed");
  expect(await client.get({ ...SECRET, name: "removed-authority" })).toBeUndefined();
  expect(await client.get({ ...SECRET, name: "foreign" })).toBeDefined();
});
