import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../../src/credentials/Secret.ts";
import { probeGit } from "../../../src/issuers/probeGit.ts";
import { createAuthority, issueCertificate } from "../../../src/machine/issueCertificate.ts";

const REFERENCES = { status: 200, headers: { "content-type": "application/x-git-upload-pack-advertisement" } };
const now = new Date();
const validity = { now, notAfter: new Date(now.getTime() + 3_600_000) };
const credential = {
  username: "oidc",
  password: new Secret("CANARY-of-a-credential"),
  issuedAt: now,
  expiresAt: now,
  fingerprint: "f",
};

let server: Server;
let ca: string;
let url: string;
let answers: { status: number; headers?: Record<string, string> }[];
let times: number[];

beforeAll(async () => {
  const authority = await createAuthority("test", validity);
  const leaf = { commonName: "git", ipAddresses: ["127.0.0.1"], usages: ["server"] } as const;
  const { certificate, key } = await issueCertificate(leaf, authority, validity);
  ca = authority.certificate;
  server = createServer({ cert: certificate, key: key.reveal() }, (_, response) => {
    times.push(performance.now());
    const { status, headers } = answers.shift() ?? REFERENCES;
    response.writeHead(status, headers).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/fleet.git`;
});

afterAll(() => void server.close());

async function failure(trusted = ca): Promise<{ code?: string; message: string }> {
  return probeGit(url, credential, { ca: trusted, trust: "let it take the token" }).then(
    () => Promise.reject(new Error("it was accepted")),
    (error: { code?: string; message: string }) => error,
  );
}

test.each<[number, string]>([
  [401, "CREDENTIAL_REFUSED"],
  [404, "CREDENTIAL_REFUSED"],
  [500, "FORGE_UNREACHABLE"],
  [503, "FORGE_UNREACHABLE"],
])("probeGit() takes status %i for %s", async (status, code) => {
  [answers, times] = [[{ status }], []];
  const error = await failure();
  expect(error).toMatchObject({ code, message: expect.stringContaining(`status ${status}`) });
  expect(error.message).not.toContain("CANARY");
  expect(times).toHaveLength(1);
});

test("probeGit() asks again what a rate limit turned away, not before the time that the server names", async () => {
  [answers, times] = [[{ status: 429, headers: { "retry-after": "1" } }], []];
  await probeGit(url, credential, { ca, trust: "let it take the token" });
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1_000);
});

test("probeGit() names a certificate that is from nobody who is trusted, and shows that server no credential", async () => {
  [answers, times] = [[], []];
  const other = (await createAuthority("other", validity)).certificate;
  expect(await failure(other)).toMatchObject({ code: "FORGE_CERTIFICATE_REFUSED" });
  expect(times).toEqual([]);
});
