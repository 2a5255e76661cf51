import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import { createAuthority } from "../../../src/machine/issueCertificate.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { vaultConnection } from "../../../src/resources/vault/vaultConnection.ts";

/** The lowest port, where nobody listens. */
const ADDRESS = "https://127.0.0.1:1";

let layout: StackLayout;
let ca: string;

beforeAll(async () => {
  layout = new StackLayout(await mkdtemp(join(tmpdir(), "dz-connection-")));
  const validity = { now: new Date(), notAfter: new Date(Date.now() + 60_000) };
  ca = (await createAuthority("platform", validity)).certificate;
  const file = layout.pki("platform", "ca.crt");
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, ca);
});
afterAll(() => rm(layout.directory, { recursive: true, force: true }));

test("vaultConnection() to the stack's own process says that up starts it, and which log says why it ended", async () => {
  const client = await vaultConnection(layout, { address: ADDRESS, authority: "platform" });
  await expect(client.health()).rejects.toMatchObject({
    code: "VAULT_UNREACHABLE",
    hint: `\`dayzero up\` starts it again; ${layout.log("vault")} says why it ended`,
  });
  await client.close();
});

test("vaultConnection() to an OpenBao in the cluster says where to look there", async () => {
  const kinds = { resources: [{ name: "secrets", kind: "Secret", namespaced: true }] };
  const secret = { data: { "ca.crt": Buffer.from(ca).toString("base64") } };
  const server = createServer((request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(request.url === "/api/v1" ? kinds : secret));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kubernetes = new KubernetesClient({ server: url, ca: undefined, credential: async () => ({}) });
  const vault = { address: ADDRESS, authority: "bao/openbao-tls" };
  const client = await vaultConnection(layout, vault, async () => kubernetes);
  await expect(client.health()).rejects.toMatchObject({
    code: "VAULT_UNREACHABLE",
    hint: "see whether its pods run (kubectl get pods -n bao), and whether that address leads to the Service openbao-operator",
  });
  await client.close();
  await kubernetes.close();
  server.closeAllConnections();
  server.close();
});
