import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import { Secret } from "../../../src/credentials/Secret.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { operatorVaultClient } from "../../../src/resources/vault/operatorVaultClient.ts";

let server: Server;
let layout: StackLayout;
/** What the login is answered with. */
let status: number;

beforeEach(async () => {
  layout = new StackLayout(await mkdtemp(join(tmpdir(), "dayzero-operator-")));
  const ca = layout.pki("platform", "ca.crt");
  await mkdir(dirname(ca), { recursive: true });
  await writeFile(ca, "");
  server = createServer((request, response) => {
    if (request.url?.startsWith("/v1/sys/health")) {
      response.end(JSON.stringify({ initialized: true, sealed: false, standby: true }));
    } else response.writeHead(status).end(JSON.stringify({ errors: ["refused"] }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(layout.directory, { recursive: true });
});

test.each([
  [400, /Vault trusts another cluster/],
  [403, /Vault trusts another cluster/],
  [500, /logs\/vault\.log.*older/],
  [503, /logs\/vault\.log.*older/],
])("operatorVaultClient() says what to do when Vault answers the login with %i", async (answered, hint) => {
  status = answered;
  const kubernetes = {
    get: async () => ({ metadata: { uid: "0a1b2c3d-1111-4111-8111-111111111111" } }),
    serviceAccountToken: async () => ({ token: new Secret("jwt"), expiresAt: new Date(0) }),
  } as unknown as KubernetesClient;
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const access = { stack: "local", layout, address, authority: "platform", memory: new Map(), now: () => new Date() };
  await expect(operatorVaultClient({ ...access, kubernetes: async () => kubernetes })).rejects.toMatchObject({
    code: "VAULT_OPERATOR_REFUSED",
    hint: expect.stringMatching(hint),
  });
});
