import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from "jose";
import { Agent } from "undici";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { VaultClient } from "../../../src/clients/VaultClient.ts";
import { VaultError } from "../../../src/clients/VaultError.ts";
import { Secret } from "../../../src/credentials/Secret.ts";
import { unseal } from "../../../src/credentials/sealing.ts";
import { jwtMountName, oidcKeyName } from "../../../src/manifests/vault/trustNames.ts";
import { ageIdentities } from "../../../src/resources/vault/ageIdentities.ts";
import { jwtAuthResource } from "../../../src/resources/vault/JwtAuthResource.ts";
import { jwtRoleResource } from "../../../src/resources/vault/JwtRoleResource.ts";
import { oidcKeyResource } from "../../../src/resources/vault/OidcKeyResource.ts";
import { oidcRoleResource } from "../../../src/resources/vault/OidcRoleResource.ts";
import { policyResource } from "../../../src/resources/vault/PolicyResource.ts";
import { readSealedShares } from "../../../src/resources/vault/SealedShares.ts";
import { auditEntries, changesVault } from "./auditEntries.ts";
import { ISSUER, TokenIssuer } from "./TokenIssuer.ts";
import { VaultStack } from "./VaultStack.ts";

const OIDC_TOKEN = "identity/oidc/token/dayzero.local.fleet";
const bao = inject("tools").bao as string;
let stack: VaultStack;
let client: VaultClient;
/** May do anything, where the stack's operator may not. */
let owner: VaultClient;
/** Still valid in Vault's eyes until `up` revoked it; known to this test only. */
let rootToken: Secret;

beforeAll(async () => {
  stack = await VaultStack.create(bao, new TokenIssuer());
  await stack.server();
  await stack.initialization();
  rootToken = stack.memory.get("vault-root-token") as Secret;
  client = await stack.client();
  const asRoot = client.withToken(rootToken);
  const made = await asRoot.write<{ client_token: string }>("auth/token/create-orphan", { policies: ["root"] });
  owner = client.withToken(new Secret(made.client_token));
  await stack.trust();
});

afterAll(() => stack.down());

async function status(call: Promise<unknown>): Promise<number> {
  return call.then(
    () => 200,
    (error: unknown) => (error instanceof VaultError ? error.status : Promise.reject(error)),
  );
}

test("up, run again, sends Vault nothing but reads and a login", async () => {
  const before = (await stack.auditLog()).length;

  await stack.up();

  const entries = auditEntries(await stack.auditLog(), before);
  expect(entries.length).toBeGreaterThan(10);
  expect(entries.filter(changesVault)).toEqual([]);
  expect(stack.changed.size).toBe(0);
});

test("rootTokenResource leaves an initial root token that Vault refuses and nobody holds", async () => {
  expect(await status(client.withToken(rootToken).read("auth/token/lookup-self"))).toBe(403);
  expect(stack.memory.has("vault-root-token")).toBe(false);
  await expect(readFile(stack.layout.vault("root-token.age"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("initializationResource writes neither root token nor share in clear anywhere", async () => {
  const shares = await readSealedShares(stack.layout);
  const identities = await ageIdentities(stack.layout, new Map());
  const sealed = shares?.state === "sealed" ? shares.shares : [];
  const opened = await Promise.all(sealed.map((share) => unseal(share.sealed, identities)));
  expect(opened).toHaveLength(1);
  const share = Buffer.from((opened[0] as Secret).reveal(), "base64");
  const secrets = [rootToken.reveal(), share.toString("base64"), share.toString("hex")];

  const files = await stack.files();

  expect([...files.keys()]).toContain(stack.layout.log("vault-audit"));
  for (const [path, content] of files) {
    for (const secret of secrets) expect(content.includes(secret), path).toBe(false);
  }
});

test("the audit log shows tokens as HMAC only", async () => {
  const jwt = await stack.issuer.token("git-reader");
  const reader = await client.loginJwt(stack.mount, "git-reader", jwt);
  const { token } = (await reader.read<{ token: string }>(OIDC_TOKEN)) ?? { token: "" };

  const log = await stack.auditLog();

  expect(log).toContain(`"path":"${OIDC_TOKEN}"`);
  expect(log.includes(jwt.reveal())).toBe(false);
  expect(log.includes(token)).toBe(false);
  expect(log).toContain("hmac-sha256:");
});

test("the git-reader role gives a token for one request, with one policy and no default one", async () => {
  const auth = await client.write<Record<string, unknown>>(`auth/${stack.mount}/login`, {
    role: "git-reader",
    jwt: (await stack.issuer.token("git-reader")).reveal(),
  });
  expect(auth).toMatchObject({
    token_policies: ["dayzero.local.git-reader"],
    token_type: "service",
    num_uses: 1,
    lease_duration: 300,
  });
  const reader = client.withToken(new Secret(auth.client_token as string));

  expect(await status(reader.read(OIDC_TOKEN))).toBe(200);
  expect(await status(reader.read(OIDC_TOKEN))).toBe(403);
});

test.each(["identity/oidc/token/dayzero.other.fleet", "sys/auth", "auth/token/lookup-self"])(
  "the git-reader role may not read %s",
  async (path) => {
    const reader = await client.loginJwt(stack.mount, "git-reader", await stack.issuer.token("git-reader"));
    expect(await status(reader.read(path))).toBe(403);
  },
);

test("oidcRoleResource makes tokens with exactly the declared claims, which verify by Vault's JWKS", async () => {
  const reader = await client.loginJwt(stack.mount, "git-reader", await stack.issuer.token("git-reader"));
  const { token, ttl } = (await reader.read<{ token: string; ttl: number }>(OIDC_TOKEN)) ?? { token: "", ttl: 0 };

  const jwks = (await client.read<JSONWebKeySet>("identity/oidc/.well-known/keys")) ?? { keys: [] };
  const { payload: claims } = await jwtVerify(token, createLocalJWKSet(jwks), { algorithms: ["ES256"] });
  expect(ttl).toBe(600);
  expect(claims).toEqual({
    iss: `${stack.address}/v1/identity/oidc`,
    aud: "dayzero/local/git/fleet",
    sub: expect.stringMatching(/^[0-9a-f-]{36}$/),
    iat: expect.any(Number),
    exp: (claims.iat ?? 0) + 600,
    namespace: "root",
    repository: "fleet",
    generation: stack.issuer.generation,
  });
});

describe("OpenBao refuses a service-account token", () => {
  const past = Math.floor(Date.now() / 1000) - 1_000;
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const payloadOf = async () => (await stack.issuer.token("git-reader")).reveal().split(".")[1] ?? "";

  test.each<[string, () => Promise<Secret>, RegExp]>([
    ["for another audience", () => stack.issuer.token("git-reader", { aud: ["other"] }), /audience/],
    ["of another subject", () => stack.issuer.token("default"), /sub/],
    ["of another issuer", () => stack.issuer.token("git-reader", { iss: "https://other" }), /iss/],
    ["of another generation", () => new TokenIssuer().token("git-reader"), /signature/],
    [
      "with algorithm none",
      async () => new Secret(`${encode({ alg: "none", typ: "JWT" })}.${await payloadOf()}.`),
      /signature|algorithm|alg|token/,
    ],
    [
      "signed by HS256 with the issuer's public key as secret",
      async () => {
        const input = `${encode({ alg: "HS256", typ: "JWT" })}.${await payloadOf()}`;
        const signature = createHmac("sha256", stack.issuer.publicKey).update(input).digest("base64url");
        return new Secret(`${input}.${signature}`);
      },
      /signature|algorithm|alg/,
    ],
    ["that expired", () => stack.issuer.token("git-reader", { iat: past, nbf: past, exp: past + 600 }), /expired|exp/],
    [
      "that expired two seconds ago",
      () => stack.issuer.token("git-reader", { exp: Math.floor(Date.now() / 1000) - 2 }),
      /expired|exp/,
    ],
    [
      "that is not yet valid",
      () => stack.issuer.token("git-reader", { nbf: Math.floor(Date.now() / 1000) + 20 }),
      /not before|nbf|not yet/i,
    ],
  ])("%s, and the request arrived there", async (_, make, reason) => {
    const path = `auth/${stack.mount}/login`;
    const before = (await stack.auditLog()).length;

    const login = client.loginJwt(stack.mount, "git-reader", await make());

    const error = await login.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(VaultError);
    expect((error as VaultError).status).toBe(400);
    expect((error as VaultError).message).toMatch(reason);
    const entries = auditEntries(await stack.auditLog(), before).filter(({ request }) => request.path === path);
    expect(entries.map(({ type }) => type)).toEqual(["request", "response"]);
    expect(entries[1]?.response).not.toHaveProperty("auth");
  });

  test("for another role, and the request arrived there", async () => {
    const before = (await stack.auditLog()).length;
    const login = client.loginJwt(stack.mount, "operator", await stack.issuer.token("git-reader"));
    expect(await status(login)).toBe(400);
    expect(auditEntries(await stack.auditLog(), before)).toHaveLength(2);
  });

  test("and accepts a good one, whose answer the audit log tells apart", async () => {
    const before = (await stack.auditLog()).length;
    await client.loginJwt(stack.mount, "git-reader", await stack.issuer.token("git-reader"));
    expect(auditEntries(await stack.auditLog(), before)[1]?.response).toHaveProperty("auth");
  });
});

describe("drift is healed by the next run:", () => {
  const role = () => `auth/${stack.mount}/role/git-reader`;

  test.each<[string, () => Promise<unknown>, string]>([
    [
      "a role with claims, networks and a policy that nobody declared",
      async () =>
        owner.write(role(), {
          role_type: "jwt",
          user_claim: "sub",
          bound_claims: { team: "x" },
          claim_mappings: { team: "team" },
          token_bound_cidrs: ["10.0.0.0/8"],
          token_policies: ["dayzero.local.git-reader", "default"],
          expiration_leeway: 3600,
          token_num_uses: 0,
        }),
      "JwtRole",
    ],
    ["a role that is gone", async () => owner.delete(role()), "JwtRole"],
    [
      "a mount that trusts another key",
      async () =>
        owner.write(`auth/${stack.mount}/config`, {
          jwt_validation_pubkeys: [stack.issuer.publicKey, new TokenIssuer().publicKey],
          bound_issuer: ISSUER,
        }),
      "JwtAuth",
    ],
    [
      "an OIDC key that signs for anyone",
      async () =>
        owner.write(`identity/oidc/key/dayzero.local.${stack.issuer.generation.slice(0, 8)}`, {
          allowed_client_ids: ["dayzero/local/git/fleet", "*"],
        }),
      "OidcKey",
    ],
    [
      "an OIDC role that names another repository",
      async () => owner.write("identity/oidc/role/dayzero.local.fleet", { template: '{"repository":"other"}' }),
      "OidcRole",
    ],
    [
      "an OIDC issuer that is somebody else",
      async () => owner.write("identity/oidc/config", { issuer: "https://other.test" }),
      "OidcIssuer",
    ],
  ])("%s", async (_, drift, type) => {
    await drift();

    await stack.up();

    expect([...stack.changed.keys()]).toEqual([expect.stringContaining(`dayzero:vault:${type} `)]);
    await stack.up();
    expect(stack.changed.size).toBe(0);
  });
});

test.each<[string, string, object]>([
  [
    "change its own policy",
    "sys/policies/acl/dayzero.local.operator",
    { policy: 'path "*" { capabilities = ["sudo"] }' },
  ],
  ["write a policy of another name", "sys/policies/acl/admin", { policy: "" }],
  ["make a token", "auth/token/create", { policies: ["root"] }],
  ["mount another auth method", "sys/auth/userpass", { type: "userpass" }],
  ["mount a secret engine", "sys/mounts/secret", { type: "kv" }],
  ["sign an OIDC token", "identity/oidc/token/dayzero.local.fleet", {}],
])("the operator may not %s", async (_, path, body) => {
  const operator = await stack.context.vault();
  expect(await status(operator.write(path, body))).toBe(403);
});

test("policyResource refuses a policy that lacks the stack's mark", async () => {
  await owner.write("sys/policies/acl/dayzero.local.foreign", { policy: 'path "a" { capabilities = ["read"] }' });
  await expect(policyResource.read("dayzero.local.foreign", stack.context)).rejects.toMatchObject({
    code: "VAULT_POLICY_NOT_OWN",
  });
  expect(await policyResource.owned("local", stack.context)).toEqual([
    "dayzero.local.git-reader",
    "dayzero.local.operator",
  ]);
});

test("VaultClient errors hold status, words, method and path, and no secret", async () => {
  const jwt = await stack.issuer.token("git-reader", { aud: ["other"] });
  const error = await client.loginJwt(stack.mount, "git-reader", jwt).catch((error: unknown) => error);
  expect(error).toMatchObject({ status: 400, method: "POST", path: `auth/${stack.mount}/login` });
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(jwt.reveal());
});

test("VaultClient does not talk to a server of another authority", async () => {
  const other = await VaultStack.create(bao, new TokenIssuer());
  try {
    await other.server();
    const ca = await readFile(other.layout.pki("platform", "ca.crt"), "utf8");
    const stranger = new VaultClient({ address: stack.address, ca });
    await expect(stranger.health()).rejects.toMatchObject({ code: "VAULT_UNREACHABLE" });
  } finally {
    await other.down();
  }
});

test("VaultClient reaches Vault by its break-glass socket, where alone generate-root may be begun", async () => {
  const dispatcher = new Agent({ connect: { socketPath: stack.layout.run("vault.sock") } });
  const local = new VaultClient({ address: "http://localhost", dispatcher });
  expect(await status(client.write("sys/generate-root/attempt"))).toBeGreaterThanOrEqual(400);
  expect(await local.write("sys/generate-root/attempt")).toMatchObject({ started: true, required: 1 });
  await local.delete("sys/generate-root/attempt");
  await local.close();
});

test("jwtAuthResource and oidcKeyResource, removed, end a generation: its tokens, keys and entities are dead", async () => {
  const { context, mount, issuer } = stack;
  const reader = await client.loginJwt(mount, "git-reader", await issuer.token("git-reader"));
  const other = await client.loginJwt(mount, "git-reader", await issuer.token("git-reader"));
  const { token } = (await other.read<{ token: string }>(OIDC_TOKEN)) ?? { token: "" };
  const kid = decodeProtectedHeader(token).kid;
  const next = new TokenIssuer();
  const nextMount = jwtMountName("local", next.generation);
  await stack.converge(jwtAuthResource, {
    mount: nextMount,
    generation: next.generation,
    issuerKeys: [next.publicKey],
    issuer: ISSUER,
  });
  await stack.converge(jwtRoleResource, {
    mount: nextMount,
    name: "operator",
    subject: "system:serviceaccount:dayzero-system:operator",
    audience: "vault",
    policy: "dayzero.local.operator",
    uses: 0,
  });
  expect((await jwtAuthResource.owned("local", context)).sort()).toEqual([mount, nextMount].sort());
  const key = oidcKeyName("local", issuer.generation);
  expect(await oidcKeyResource.owned("local", context)).toEqual([key]);
  expect(await oidcRoleResource.owned("local", context)).toEqual(["dayzero.local.fleet"]);
  expect(await jwtAuthResource.owned("loc", context)).toEqual([]);
  const operator = await client.loginJwt(nextMount, "operator", await next.token("operator"));
  const later = { ...context, vault: async () => operator };

  await oidcKeyResource.remove(key, later);
  await jwtAuthResource.remove(mount, later);
  await jwtAuthResource.remove(mount, later);

  expect(await jwtAuthResource.owned("local", later)).toEqual([nextMount]);
  expect(await status(reader.read(OIDC_TOKEN))).toBe(403);
  expect(await status(client.loginJwt(mount, "git-reader", await issuer.token("git-reader")))).toBeGreaterThanOrEqual(
    400,
  );
  const jwks = await client.read<{ keys: { kid: string }[] }>("identity/oidc/.well-known/keys");
  expect(jwks?.keys.map((published) => published.kid)).not.toContain(kid);
  const entities = await operator.read<{ key_info: object }>("identity/entity/id?list=true");
  expect(Object.keys(entities?.key_info ?? {})).toHaveLength(1);
});
