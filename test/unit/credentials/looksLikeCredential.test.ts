import { createHash, generateKeyPairSync, randomUUID, X509Certificate } from "node:crypto";
import fc from "fast-check";
import { SignJWT } from "jose";
import { describe, expect, test } from "vitest";
import { looksLikeCredential } from "../../../src/config/looksLikeCredential.ts";
import { problemsError } from "../../../src/config/Problem.ts";
import { credentialProblems } from "../../../src/credentials/credentialProblems.ts";
import { createAuthority } from "../../../src/machine/issueCertificate.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const random = (length: number): string => "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zC0fI".repeat(4).slice(0, length);
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const opensshKey = `-----BEGIN OPENSSH ${"PRIVATE KEY-----"}\n${base64(`openssh-key-v1\0${random(60)}`)}\n-----END OPENSSH PRIVATE KEY-----\n`;
const AWS_ID = `AKIA${"IOSFODNN7EXAMPLE".replace("7", "5")}`;
const AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY";

const CREDENTIALS: Readonly<Record<string, readonly [looksLike: string, text: string]>> = {
  "PKCS #8": ["a private key", rsa.privateKey.export({ type: "pkcs8", format: "pem" }).toString()],
  "PKCS #1": ["a private key", rsa.privateKey.export({ type: "pkcs1", format: "pem" }).toString()],
  "SEC 1": ["a private key", ec.privateKey.export({ type: "sec1", format: "pem" }).toString()],
  "an encrypted key": [
    "a private key",
    ec.privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "p" }).toString(),
  ],
  OpenSSH: ["a private key", opensshKey],
  "a key in JSON": ["a private key", JSON.stringify({ private_key: opensshKey })],
  "a Vault service token": ["a Vault token", `hvs.${random(24)}`],
  "a Vault batch token": ["a Vault token", `hvb.AAAA${random(100)}`],
  "a Vault recovery token": ["a Vault token", `hvr.${random(30)}`],
  "an OpenBao token": ["a Vault token", `VAULT_TOKEN=s.${random(24)}`],
  "an OpenBao batch token": ["a Vault token", `b.AAAAAQ${random(100)}`],
  "an age identity": ["an age identity", `# mine\nAGE-SECRET-KEY-1${random(58).toUpperCase()}\n`],
  "a classic GitHub token": ["a GitHub token", `ghp_${random(36)}`],
  "a GitHub installation token": ["a GitHub token", `https://x-access-token:ghs_${random(36)}@github.com/a/b`],
  "a GitHub OAuth token": ["a GitHub token", `gho_${random(36)}`],
  "a fine-grained GitHub token": ["a GitHub token", `github_pat_${random(22)}_${random(59)}`],
  "a GitLab token": ["a GitLab token", `glpat-${random(20)}`],
  "a GitLab deploy token": ["a GitLab token", `gldt-${random(20)}`],
  "a password in a URL": ["a password in a URL", "https://ann:pa55word@git.example.com/team/fleet.git"],
  "a password without a user": ["a password in a URL", "redis://:pa55word@127.0.0.1:6379"],
};

/** What a program has every reason to pass. */
const HARMLESS: Readonly<Record<string, string>> = {
  "a public key": rsa.publicKey.export({ type: "spki", format: "pem" }).toString(),
  "an OpenSSH public key": `ssh-ed25519 ${base64(`\0\0\0\x0bssh-ed25519\0\0\0 ${random(32)}`)} ann@example.com`,
  "a digest": createHash("sha256").update("a").digest("hex"),
  "an image digest": `ghcr.io/a/b@sha256:${createHash("sha256").update("a").digest("hex")}`,
  "an integrity": `sha512-${createHash("sha512").update("a").digest("base64")}`,
  "a UUID": randomUUID(),
  "an age recipient": `age1${random(58).toLowerCase()}`,
  "a URL": "https://git.example.com:8443/team/fleet.git?ref=main#readme",
  "a URL with a user": "ssh://git@github.com/team/fleet.git",
  "a URL to fill in": "https://$USER:$PASSWORD@git.example.com and postgres://{user}:{password}@db",
  "a URL and an address": "see https://example.com/a:b or write to ann@example.com",
  "a template of a secret file": "requirepass {{random:hex:32}}\n",
  "words about keys": "put what is between -----BEGIN PRIVATE KEY----- and its end into a file",
  "a method of a variable": "users.forEach((s) => s.toLocaleLowerCaseOfThisOn())",
  "a version": "v1.2.3-hvs.1+gl.5",
  "a name of a host": "cluster.eyecatching.example.com",
  "the id of an AWS key": AWS_ID,
  "base64 of text": base64("kind: ConfigMap\nmetadata: { name: nothing-to-see-here }\n"),
  "a command": "argocd-application-controller --redis=127.0.0.1:6379 --operation-processors=10",
};

describe.each(Object.entries(CREDENTIALS))("looksLikeCredential() recognizes %s", (_name, [looksLike, text]) => {
  test.each([
    ["as it is", text],
    ["inside a text", `first: line\nvalue: ${text} \nlast: line`],
    ["in data of a Secret", base64(text)],
    ["in base64 in lines", base64(text).replace(/.{76}/g, "$&\n")],
    ["in base64 in a file in base64", base64(`users:\n- user:\n    data: ${base64(text)}\n`)],
  ])("%s", (_how, shown) => {
    expect(looksLikeCredential(shown)).toBe(looksLike);
  });
});

test.each([
  ...Object.values(CREDENTIALS).map(([, text]) => text),
  "glpat-cut",
  "ghp_cut",
  "-----BEGIN PRIVATE KEY-----",
  "https://token@git.example.com/fleet.git",
])("problemsError() does not show %j", (seen) => {
  const error = problemsError("cannot use it", [{ path: "config.a", message: "is wrong", seen }]);
  expect(error.message).toBe("cannot use it: config.a: is wrong, got a value with a credential in it (not shown)");
});

test("looksLikeCredential() recognizes a signed token by its header", async () => {
  const token = await new SignJWT({ sub: "ann" }).setProtectedHeader({ alg: "ES256" }).sign(ec.privateKey);
  for (const text of [token, `token: ${token}\n`, base64(token)]) {
    expect(looksLikeCredential(text)).toBe("a signed token (JWT)");
  }
  const headless = `${Buffer.from('{"typ":"not it"}').toString("base64url")}.${token.split(".").slice(1).join(".")}`;
  expect(looksLikeCredential(headless)).toBeUndefined();
});

test.each(Object.entries(HARMLESS))("looksLikeCredential() lets %s pass", (_name, text) => {
  expect(looksLikeCredential(text)).toBeUndefined();
  expect(looksLikeCredential(base64(text))).toBeUndefined();
});

test("looksLikeCredential() lets certificates pass", async () => {
  const now = new Date();
  const { certificate } = await createAuthority("ca", { now, notAfter: new Date(now.getTime() + 86_400_000) });
  expect(new X509Certificate(certificate).ca).toBe(true);
  expect(looksLikeCredential(certificate)).toBeUndefined();
  expect(looksLikeCredential(base64(certificate.repeat(3)))).toBeUndefined();
});

test("looksLikeCredential() lets random binary data pass", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 2048 }), (bytes) => {
      expect(looksLikeCredential(Buffer.from(bytes).toString("base64"))).toBeUndefined();
      expect(looksLikeCredential(Buffer.from(bytes).toString("hex"))).toBeUndefined();
    }),
  );
});

test("looksLikeCredential() takes milliseconds for a megabyte", () => {
  const long = "a".repeat(500_000) + HARMLESS["an integrity"]?.repeat(5_000);
  const started = performance.now();
  expect(looksLikeCredential(long)).toBeUndefined();
  expect(performance.now() - started).toBeLessThan(2_000);
});

/** What each form repeats without an end. */
const ENDLESS: Readonly<Record<string, (length: number) => string>> = {
  "a run of base64": (length) => "a".repeat(length),
  "a run of base64 among words": (length) => `one ${"a".repeat(length)} two`,
  "base64 in base64": (length) => base64("a".repeat(length)),
  "the parts of a signed token": (length) => `eyJ${"a".repeat(length)}.${"b".repeat(length)}`,
  "words before a private key": (length) => `-----BEGIN ${"A ".repeat(length / 2)}`,
  "lines after the head of a private key": (length) => `-----BEGIN PRIVATE KEY-----${"\n".repeat(length)}`,
  blanks: (length) => " ".repeat(length),
};

test.each(Object.entries(ENDLESS))("looksLikeCredential() takes ten million characters of %s", (_name, text) => {
  expect(looksLikeCredential(text(10_000_000))).toBeUndefined();
});

test("looksLikeCredential() finds a credential behind ten million characters, and in them", () => {
  const long = "a".repeat(10_000_000);
  const [, key] = CREDENTIALS["PKCS #8"] as readonly [string, string];
  expect(looksLikeCredential(`${long} ${key}`)).toBe("a private key");
  expect(looksLikeCredential(base64(`${long} ${key}`))).toBe("a private key");
});

test("credentialProblems() names the path and the kind of each, never the value", () => {
  const [, key] = CREDENTIALS["PKCS #8"] as readonly [string, string];
  const [, token] = CREDENTIALS["a GitLab token"] as readonly [string, string];
  const problems = credentialProblems({
    apiVersion: "v1",
    metadata: { name: "a", annotations: { "example.com/ca": HARMLESS["a public key"] } },
    data: { "tls.key": base64(key), plain: base64("plain") },
    env: [{ name: "TOKEN", value: token }, null, 3],
  });
  expect(problems).toEqual([
    { path: 'data["tls.key"]', looksLike: "a private key" },
    { path: "env[0].value", looksLike: "a GitLab token" },
  ]);
});

test("credentialProblems() takes forty random characters for an AWS key only beside the id of one", () => {
  const env = (id: string): object => ({
    env: [
      { name: "ID", value: id },
      { name: "KEY", value: AWS_SECRET },
    ],
  });
  expect(credentialProblems(env("none"))).toEqual([]);
  expect(credentialProblems(env(AWS_ID))).toEqual([{ path: "env[1].value", looksLike: "an AWS secret access key" }]);
  expect(credentialProblems({ data: { id: base64(AWS_ID), key: base64(AWS_SECRET) } })).toEqual([
    { path: "data.key", looksLike: "an AWS secret access key" },
  ]);
  const revision = createHash("sha1").update("a").digest("hex");
  expect(credentialProblems({ id: AWS_ID, revision })).toEqual([]);
});
