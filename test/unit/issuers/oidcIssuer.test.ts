import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { UnsecuredJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VaultClient } from "../../../src/clients/VaultClient.ts";
import { Secret } from "../../../src/credentials/Secret.ts";
import { oidcIssuer } from "../../../src/issuers/oidcIssuer.ts";

const TOKEN = new UnsecuredJWT({
  repository: "fleet",
  generation: "0a1b",
  iss: "https://vault.example.com",
  aud: "a/b",
});
const now = new Date();
const password = new Secret(TOKEN.encode());
const credential = { username: "oidc", password, issuedAt: now, expiresAt: now, fingerprint: "f" };
const vault = new VaultClient({ address: "https://vault.example.com:8200" });

let server: Server;
let status: number;
let asked: (string | undefined)[];

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.headers.authorization);
    response.writeHead(status).end("refused");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(async () => {
  server.close();
  await vault.close();
});

function probe(answer: number, trustFile?: string): Promise<void> {
  status = answer;
  asked = [];
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/fleet.git`;
  const identity = () => Promise.reject(new Error("asked"));
  const more = trustFile === undefined ? {} : { trustFile };
  const issuer = oidcIssuer({ vault, mount: "m", role: "r", oidcRole: "o", identity, url, ca: undefined, ...more });
  return issuer.probe(credential);
}

const CLAIMS = 'iss "https://vault.example.com", aud "a/b", repository "fleet" and generation "0a1b"';

test.each([401, 403])(
  "probe() of somebody else's Git server that answers %i says what it has to trust",
  async (code) => {
    await expect(probe(code)).rejects.toMatchObject({
      code: "CREDENTIAL_REFUSED",
      hint: `let the Git server take ${CLAIMS}, signed by the keys at https://vault.example.com:8200/v1/identity/oidc/.well-known/keys`,
    });
    expect(asked).toHaveLength(1);
  },
);

test("probe() of the stack's own Git server names the file that says what it trusts", async () => {
  const refused = expect(probe(401, "etc/git-server.json")).rejects;
  await refused.toMatchObject({ hint: expect.stringMatching(/^the credential has iss .*; etc\/git-server\.json of/) });
});

test("probe() does not blame the credential for what else a Git server answers, and never shows it", async () => {
  const failed = await probe(404).catch((error: unknown) => error);
  expect(failed).toMatchObject({ hint: expect.stringContaining("see that the repository is at that address") });
  expect(`${failed} ${JSON.stringify(failed)}`).not.toContain(password.reveal());
  expect(asked).toEqual([`Basic ${Buffer.from(`oidc:${password.reveal()}`).toString("base64")}`]);
});
