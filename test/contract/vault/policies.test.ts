import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { VaultClient } from "../../../src/clients/VaultClient.ts";
import { VaultError } from "../../../src/clients/VaultError.ts";
import { Secret } from "../../../src/credentials/Secret.ts";
import type { Context } from "../../../src/resources/Resource.ts";
import { jwtAuthResource } from "../../../src/resources/vault/JwtAuthResource.ts";
import { jwtRoleResource } from "../../../src/resources/vault/JwtRoleResource.ts";
import { oidcKeyResource } from "../../../src/resources/vault/OidcKeyResource.ts";
import { oidcRoleResource } from "../../../src/resources/vault/OidcRoleResource.ts";
import { policyResource } from "../../../src/resources/vault/PolicyResource.ts";
import { ISSUER, TokenIssuer } from "./TokenIssuer.ts";
import { VaultStack } from "./VaultStack.ts";

const FOLDER = new URL("../../../bootstrap/vault/", import.meta.url);
const issuer = new TokenIssuer();
const MOUNT = "dayzero/a/0a1b2c3d";
let vault: VaultStack;
/** May do anything. */
let owner: VaultClient;

beforeAll(async () => {
  vault = await VaultStack.create(inject("tools").bao as string, issuer);
  await vault.server();
  await vault.initialization();
  owner = (await vault.client()).withToken(vault.memory.get("vault-root-token") as Secret);
});
afterAll(() => vault.down());

const textOf = async (policy: string) =>
  (await readFile(new URL(`${policy}.hcl`, FOLDER), "utf8")).replaceAll(/\$\{stack\}/g, "a");

/** Logged in with one policy of bootstrap/vault, for a stack "a". */
async function holderOf(policy: string): Promise<VaultClient> {
  const name = policy === "operator" ? "dayzero.a.operator" : `dayzero.a.${policy}`;
  await owner.write(`sys/policies/acl/${name}`, { policy: await textOf(policy) });
  const token = { policies: [name], no_default_policy: true };
  const made = await owner.write<{ client_token: string }>("auth/token/create-orphan", token);
  return owner.withToken(new Secret(made.client_token));
}

const contextOf = (client: VaultClient): Context => ({ ...vault.context, stack: "a", vault: async () => client });

const auth = { mount: MOUNT, generation: issuer.generation, issuerKeys: [issuer.publicKey], issuer: ISSUER };
const subject = "system:serviceaccount:dayzero-system:reader";
const role = { mount: MOUNT, name: "git-reader", subject, audience: "vault", policy: "dayzero.a.git-reader", uses: 1 };
const key = { name: "dayzero.a.0a1b2c3d", audiences: ["dayzero/a/git/fleet"] };
const statement = {
  ...{ name: "dayzero.a.fleet", repository: "fleet", generation: issuer.generation },
  ...{ key: key.name, audience: "dayzero/a/git/fleet" },
};

async function answerTo(call: Promise<unknown>): Promise<number> {
  return call.then(
    () => 200,
    (error: unknown) => (error instanceof VaultError ? error.status : Promise.reject(error)),
  );
}

describe.each(["external-operator", "operator"])("%s.hcl", (policy) => {
  let operator: VaultClient;
  let ctx: Context;
  beforeAll(async () => {
    operator = await holderOf(policy);
    ctx = contextOf(operator);
    await owner.write("sys/policies/acl/dayzero.a.git-reader", { policy: await textOf("git-reader") });
    await jwtAuthResource.apply([], auth, ctx);
    await jwtRoleResource.apply([], role, ctx);
    await oidcKeyResource.apply([], key, ctx);
    await oidcRoleResource.apply([], statement, ctx);
    // What others have in the same Vault.
    await owner.write("sys/auth/dayzero/a-b/0a1b2c3d", { type: "jwt" }).catch(() => undefined);
    await owner.write("sys/auth/ci", { type: "jwt" }).catch(() => undefined);
    await owner.write("identity/oidc/key/dayzero.a-b.0a1b2c3d", { allowed_client_ids: ["*"] });
  });

  test("is enough to make, find, change and remove all that a stack has in a Vault", async () => {
    expect(jwtAuthResource.plan(await jwtAuthResource.read(MOUNT, ctx), auth)).toEqual([]);
    const text = await textOf("git-reader");
    expect(await policyResource.read(role.policy, ctx, { name: role.policy, text })).toEqual({
      name: role.policy,
      text,
    });
    await jwtAuthResource.apply([], { ...auth, generation: "0a1b2c3d-1111-4111-8111-111111111111" }, ctx);
    await jwtRoleResource.apply([], { ...role, subject: "another" }, ctx);
    await oidcKeyResource.apply([], { ...key, audiences: [...key.audiences, "dayzero/a/git/more"] }, ctx);
    const resources = [policyResource, jwtAuthResource, jwtRoleResource, oidcKeyResource, oidcRoleResource];
    const owned = await Promise.all(resources.map((resource) => resource.owned("a", ctx)));
    expect(owned).toEqual([[], [MOUNT], [`${MOUNT}/git-reader`], [key.name], [statement.name]]);
    for (const resource of resources) {
      for (const id of await resource.owned("a", ctx)) await resource.remove(id, ctx);
      expect(await resource.owned("a", ctx)).toEqual([]);
    }
    expect(await policyResource.read(role.policy, ctx, { name: role.policy, text })).toBeDefined();

    await jwtAuthResource.apply([], auth, ctx);
    await jwtRoleResource.apply([], role, ctx);
    await oidcKeyResource.apply([], key, ctx);
    await oidcRoleResource.apply([], statement, ctx);
  });

  const ROLE = `auth/${MOUNT}/role/git-reader`;
  test.each<[string, string, object | "DELETE" | "GET"]>([
    ["write a policy", "sys/policies/acl/dayzero.a.mine", { policy: 'path "*" { capabilities = ["sudo"] }' }],
    ["change its own policy", `sys/policies/acl/dayzero.a.${policy}`, { policy: "" }],
    ["change the reader's policy", "sys/policies/acl/dayzero.a.git-reader", { policy: "" }],
    ["read a policy of others", "sys/policies/acl/default", "GET"],
    ["have its mount give root", ROLE, { token_policies: ["root"] }],
    ["have its mount give root too", ROLE, { token_policies: ["dayzero.a.git-reader", "root"] }],
    ["have its mount give another stack's policy", ROLE, { token_policies: ["dayzero.a-b.git-reader"] }],
    ["say so in the old parameter", ROLE, { policies: ["root"] }],
    ["have its mount give batch tokens", ROLE, { token_type: "batch" }],
    ["have its mount give groups", ROLE, { groups_claim: "groups" }],
    ["make a role of another name", `auth/${MOUNT}/role/mine`, { token_policies: ["dayzero.a.git-reader"] }],
    ["make a role at somebody's mount", "auth/ci/role/git-reader", { token_policies: ["dayzero.a.git-reader"] }],
    ["make a role at another stack's", "auth/dayzero/a-b/0a1b2c3d/role/git-reader", { user_claim: "sub" }],
    ["trust a URL", `auth/${MOUNT}/config`, { jwks_url: "https://192.0.2.1/keys" }],
    ["mount another kind of auth method", "sys/auth/dayzero/a/users", { type: "userpass" }],
    ["mount elsewhere", "sys/auth/mine", { type: "jwt" }],
    ["mount at another stack's place", "sys/auth/dayzero/a-b/1", { type: "jwt" }],
    ["let its mount's tokens live longer", `sys/auth/${MOUNT}/tune`, { max_lease_ttl: "9000h" }],
    ["disable somebody's mount", "sys/auth/ci", "DELETE"],
    ["disable another stack's mount", "sys/auth/dayzero/a-b/0a1b2c3d", "DELETE"],
    ["mount a secret engine", "sys/mounts/mine", { type: "kv" }],
    ["make a token", "auth/token/create", { policies: ["dayzero.a.git-reader"] }],
    ["sign a statement itself", "identity/oidc/token/dayzero.a.fleet", "GET"],
    [
      "have statements for another audience",
      "identity/oidc/role/dayzero.a.fleet",
      { client_id: "dayzero/a-b/git/fleet" },
    ],
    ["sign with another key", "identity/oidc/role/dayzero.a.fleet", { key: "dayzero.a-b.0a1b2c3d" }],
    ["make another stack's OIDC role", "identity/oidc/role/dayzero.a-b.fleet", { key: key.name }],
    ["delete another stack's OIDC key", "identity/oidc/key/dayzero.a-b.0a1b2c3d", "DELETE"],
    ["add an entity to a policy", "identity/entity", { name: "mine", policies: ["root"] }],
    ["begin to make a root token", "sys/generate-root-token/attempt", {}],
    ["end somebody's making of one", "sys/generate-root-token/attempt", "DELETE"],
    ["end a token by its accessor", "auth/token/revoke-accessor", { accessor: "mine" }],
    ["declare an audit device", "sys/audit/mine", { type: "file", options: { file_path: "discard" } }],
    ["take an audit device away", "sys/audit/file", "DELETE"],
    ["change somebody's mount", "auth/ci/config", { jwks_url: "https://192.0.2.1/keys" }],
  ])("does not let its holder %s", async (_, path, body) => {
    const call =
      body === "DELETE" ? operator.delete(path) : body === "GET" ? operator.read(path) : operator.write(path, body);
    expect(await answerTo(call)).toBe(403);
  });

  test("is enough to see whether a root token is being made", async () => {
    expect(await operator.read("sys/generate-root-token/attempt")).toMatchObject({ started: false });
  });

  test("lets an audit look beyond the stack in a Vault of its own only", async () => {
    const looks = [
      () => operator.list("auth/token/accessors"),
      () => operator.read("sys/audit"),
      () => operator.read("auth/ci/config"),
      () => operator.list("auth/ci/role"),
    ];
    const answers = await Promise.all(looks.map((look) => answerTo(look())));
    expect(answers).toEqual(looks.map(() => (policy === "operator" ? 200 : 403)));
  });

  test("lets nobody delete an entity in a Vault of others", async () => {
    const { id } = await owner.write<{ id: string }>("identity/entity", { name: `some-${policy}` });
    const answer = await answerTo(operator.delete(`identity/entity/id/${id}`));
    expect(answer).toBe(policy === "operator" ? 200 : 403);
  });

  test("ends its own token", async () => {
    const other = await holderOf(policy);
    await other.write("auth/token/revoke-self");
    expect(await answerTo(other.read("auth/token/lookup-self"))).toBe(403);
  });
});

test("policyResource says who has to write a policy that its run may not write", async () => {
  const ctx = contextOf(await holderOf("external-operator"));
  await owner.delete("sys/policies/acl/dayzero.a.git-reader");
  const wish = { name: "dayzero.a.git-reader", text: await textOf("git-reader") };
  await expect(policyResource.apply([], wish, ctx)).rejects.toMatchObject({
    code: "VAULT_POLICY_REFUSED",
    hint: expect.stringContaining("who may write policies"),
  });
});

describe("remove() leaves alone what is not the stack's:", () => {
  const [MINE, THEIRS] = ["a", "b"];
  test.each<[string, string, (ctx: Context) => Promise<unknown>, (ctx: Context) => Promise<unknown>]>([
    [
      "a policy",
      "sys/policies/acl/dayzero.b.mine",
      (ctx) => policyResource.apply([], { name: "dayzero.b.mine", text: "" }, ctx),
      (ctx) => policyResource.remove("dayzero.b.mine", ctx),
    ],
    [
      "a mount",
      "sys/auth/dayzero/b/1",
      (ctx) => jwtAuthResource.apply([], { ...auth, mount: "dayzero/b/1" }, ctx),
      (ctx) => jwtAuthResource.remove("dayzero/b/1", ctx),
    ],
    [
      "an OIDC key",
      "identity/oidc/key/dayzero.b.1",
      (ctx) => oidcKeyResource.apply([], { name: "dayzero.b.1", audiences: ["dayzero/b/git/fleet"] }, ctx),
      (ctx) => oidcKeyResource.remove("dayzero.b.1", ctx),
    ],
    [
      "an OIDC role",
      "identity/oidc/role/dayzero.b.fleet",
      (ctx) =>
        oidcRoleResource.apply(
          [],
          { ...statement, name: "dayzero.b.fleet", key: "default", audience: "dayzero/b/git/fleet" },
          ctx,
        ),
      (ctx) => oidcRoleResource.remove("dayzero.b.fleet", ctx),
    ],
  ])("%s", async (_, path, make, remove) => {
    const [mine, theirs] = [MINE, THEIRS].map((stack) => ({ ...contextOf(owner), stack: stack ?? "" }));
    await make(theirs as Context);
    await remove(mine as Context);
    expect(await owner.read(path)).toBeDefined();
    await remove(theirs as Context);
    expect(
      await answerTo(owner.read(path).then((found) => found ?? Promise.reject(new VaultError({ ...GONE, path })))),
    ).not.toBe(200);
  });
});

const GONE = { status: 404, errors: [], method: "GET" };

test.each([
  ["RS256", () => issuer],
  ["ES256", () => new TokenIssuer(undefined, "P-256")],
  ["ES384", () => new TokenIssuer(undefined, "P-384")],
])("jwtAuthResource takes tokens of a cluster that signs with %s", async (algorithm, make) => {
  const cluster = make();
  const ctx = contextOf(owner);
  const mount = `dayzero/a/${algorithm.toLowerCase()}`;
  const wish = jwtAuthResource.inputs.parse({ ...auth, mount, issuerKeys: [cluster.publicKey] });
  await jwtAuthResource.apply([], wish, ctx);
  await jwtRoleResource.apply([], { ...role, mount, subject: "system:serviceaccount:dayzero-system:git-reader" }, ctx);
  await owner.loginJwt(mount, "git-reader", await cluster.token("git-reader"));
  expect(await owner.read(`auth/${mount}/config`)).toMatchObject({ jwt_supported_algs: [algorithm] });
});
