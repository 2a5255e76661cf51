import { createPublicKey } from "node:crypto";
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { JwksCache } from "../../../src/daemons/git/JwksCache.ts";
import { verifyGitToken } from "../../../src/daemons/git/verifyGitToken.ts";

const now = new Date("2026-11-22T10:00:00Z");
const second = now.getTime() / 1000;
const policy = {
  issuer: "https://127.0.0.1:8200/v1/identity/oidc",
  audience: "dayzero/local/git/fleet",
  algorithms: ["ES256"],
  generation: "5d1f2c1e-0000-4000-8000-000000000000",
  repository: "fleet",
};
const claims: JWTPayload = {
  iss: policy.issuer,
  aud: policy.audience,
  iat: second - 10,
  exp: second + 590,
  repository: "fleet",
  generation: policy.generation,
};

let pair: Awaited<ReturnType<typeof generateKeyPair>>;
let other: Awaited<ReturnType<typeof generateKeyPair>>;
let keys: JwksCache;

beforeAll(async () => {
  pair = await generateKeyPair("ES256", { extractable: true });
  other = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: "one", alg: "ES256", use: "sig" };
  keys = new JwksCache({ fetch: async () => ({ keys: [jwk] }), now: () => 0 });
});

function sign(change: JWTPayload = {}, options: { kid?: string; key?: CryptoKey } = {}): Promise<string> {
  const header = { alg: "ES256", kid: options.kid ?? "one" };
  return new SignJWT({ ...claims, ...change }).setProtectedHeader(header).sign(options.key ?? pair.privateKey);
}

async function verdict(token: string) {
  return verifyGitToken(token, policy, { keys, now });
}

test("verifyGitToken() accepts a token that says everything", async () => {
  expect(await verdict(await sign())).toEqual({ accepted: true, kid: "one" });
});

describe("verifyGitToken() refuses", () => {
  test.each<[string, Record<string, unknown>, string]>([
    ["another issuer", { iss: "https://elsewhere" }, "issuer"],
    ["no issuer", { iss: undefined }, "issuer"],
    ["another audience", { aud: "dayzero/local/git/other" }, "audience"],
    ["an audience among others", { aud: [policy.audience, "somebody-else"] }, "audience"],
    ["no audience", { aud: undefined }, "audience"],
    ["an expired token", { exp: second - 1 }, "expired"],
    ["a token that expires at this very second", { exp: second }, "expired"],
    ["a token without expiry", { exp: undefined }, "claims"],
    ["a token without time of issue", { iat: undefined }, "claims"],
    ["a token of the future, by nbf", { nbf: second + 1 }, "not-yet-valid"],
    ["a token of the future, by iat", { iat: second + 1 }, "not-yet-valid"],
    ["another repository", { repository: "other" }, "repository"],
    ["an empty repository", { repository: "" }, "repository"],
    ["no repository", { repository: undefined }, "repository"],
    ["a list of repositories", { repository: ["fleet"] }, "repository"],
    ["another generation", { generation: "5d1f2c1e-1111-4000-8000-000000000000" }, "generation"],
    ["an empty generation", { generation: "" }, "generation"],
  ])("%s", async (_what, change, refusal) => {
    expect(await verdict(await sign(change as JWTPayload))).toMatchObject({ accepted: false, refusal });
  });

  test("algorithm none", async () => {
    const token = new UnsecuredJWT({ ...claims }).encode();
    expect(await verdict(token)).toMatchObject({ accepted: false, refusal: "algorithm" });
  });

  test("HS256 keyed with the published public key", async () => {
    const pem = await exportSPKI(pair.publicKey);
    for (const secret of [pem, createPublicKey(pem).export({ type: "spki", format: "der" })]) {
      const key = new Uint8Array(Buffer.from(secret));
      const token = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "one" }).sign(key);
      expect(await verdict(token)).toMatchObject({ accepted: false, refusal: "algorithm" });
    }
  });

  test("an algorithm that is not configured", async () => {
    const rsa = await generateKeyPair("RS256");
    const token = await new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "one" }).sign(rsa.privateKey);
    expect(await verdict(token)).toMatchObject({ accepted: false, refusal: "algorithm" });
  });

  test("a signature by somebody else's key under our key's name", async () => {
    const token = await sign({}, { key: other.privateKey });
    expect(await verdict(token)).toEqual({ accepted: false, refusal: "signature", kid: "one" });
  });

  test("an unknown key, and a key without a name", async () => {
    expect(await verdict(await sign({}, { kid: "two" }))).toMatchObject({ refusal: "key" });
    const nameless = await new SignJWT(claims).setProtectedHeader({ alg: "ES256" }).sign(pair.privateKey);
    expect(await verdict(nameless)).toEqual({ accepted: false, refusal: "key" });
  });

  test.each(["", "x", "a.b.c", "eyJhbGciOiJFUzI1NiJ9..", "hunter2"])("what is no token: %j", async (token) => {
    expect(await verdict(token)).toMatchObject({ accepted: false });
  });
});
