import { describe, expect, test } from "vitest";
import { redactCredentials } from "../../../src/config/redactCredentials.ts";

const CANARY = "canary7c1f0b2e9d4a";
const JWT = `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.${Buffer.from(`{"sub":"${CANARY}"}`).toString("base64url")}.c2ln`;

describe("redactCredentials()", () => {
  test.each([
    ["a URL's password", `unable to access 'https://oauth2:${CANARY}@forge.example/a.git/'`],
    ["a URL's password with an @ in it", `fatal: https://me:p@${CANARY}@forge.example/a.git`],
    ["a token as the user of a URL", `cannot read https://${CANARY}@forge.example/a.git`],
    ["a header", `x-vault-token: ${CANARY}`],
    ["a header in JSON", `{"headers":{"Authorization":"Bearer ${CANARY}"}}`],
    ["a bearer token", `sent Bearer ${CANARY} and got 401`],
    ["a cookie", `set-cookie: a=b; session=${CANARY}`],
    ["a field of an answer", `{"auth":{"client_token":"${CANARY}"}}`],
    ["a Vault token", `token hvs.${CANARY}AbCdEf01 is not valid`],
    ["a signed token", `cannot verify ${JWT}`],
    ["an age identity", `line AGE-SECRET-KEY-1${CANARY.toUpperCase()}QQQQ`],
    ["a GitHub token", `ghp_${CANARY}00112233 has no scope`],
    ["a GitLab token", `glpat-${CANARY} has expired`],
    ["a private key", `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----`],
    ["half a private key", `-----BEGIN RSA PRIVATE KEY-----\n${CANARY}`],
  ])("leaves out %s", (_what, text) => {
    const said = redactCredentials(text);
    expect(said).toContain("[secret]");
    expect(said.toLowerCase()).not.toContain(CANARY);
    expect(said).not.toContain(JWT);
  });

  test.each([
    "cannot mirror ssh://git@forge.example/fleet.git: no route",
    "git@forge.example:fleet.git",
    "basic authentication is not allowed, bearer tokens are",
    "auth/dayzero/test/1f0c8f52-0b1e-4f0e-8f53-0d7c2e1b9a44/login",
    "name the image as registry.example.com/dayzero@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "recipients[0]: age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
    "https://127.0.0.1:8200 does not answer",
    "kubernetes GET /api/v1/namespaces/a/secrets/repo-fleet: 403 Forbidden",
  ])("keeps %s", (text) => {
    expect(redactCredentials(text)).toBe(text);
  });
});
