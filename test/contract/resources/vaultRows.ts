import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import type { VaultClient } from "../../../src/clients/VaultClient.ts";
import {
  gitAudience,
  jwtMountName,
  OPERATOR,
  oidcKeyName,
  oidcRoleName,
  subjectOf,
  VAULT_AUDIENCE,
} from "../../../src/manifests/vault/trustNames.ts";
import { processResource } from "../../../src/resources/local/ProcessResource.ts";
import type { Context } from "../../../src/resources/Resource.ts";
import { initializationResource } from "../../../src/resources/vault/InitializationResource.ts";
import { jwtAuthResource } from "../../../src/resources/vault/JwtAuthResource.ts";
import { jwtRoleResource } from "../../../src/resources/vault/JwtRoleResource.ts";
import { policyResource } from "../../../src/resources/vault/PolicyResource.ts";
import { storageResource } from "../../../src/resources/vault/StorageResource.ts";
import { ISSUER } from "../vault/TokenIssuer.ts";
import { type Row, row } from "./Row.ts";
import { mortalVaultSystem, type VaultSystem, vaultSystem } from "./System.ts";

const GENERATION = "5d1f2c1e-0000-4000-8000-000000000000";
/** Same first block, so the same names in Vault. */
const generation = fc.constantFrom(GENERATION, "5d1f2c1e-1111-4111-8111-111111111111");
const keys = Array.from({ length: 3 }, () =>
  generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "pem", type: "spki" }).toString(),
);
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
const audience = name.map((repository) => gitAudience("local", repository));

const MOUNT = jwtMountName("local", GENERATION);
const ROLE = oidcRoleName("local", "fleet");
const KEY = oidcKeyName("local", GENERATION);
const TRUST = {
  mount: MOUNT,
  generation: GENERATION,
  issuerKeys: keys.slice(0, 1),
  issuer: "https://kubernetes.default.svc",
};

const vaultOf = ({ context }: { context: Context }): Promise<VaultClient> => context.vault();
/** Writes a part of what is there, as somebody else with the rights would. */
const write =
  (path: string, part: object) =>
  async (_given: object, system: VaultSystem): Promise<void> => {
    const vault = await vaultOf(system);
    await vault.write(path, { ...(await vault.read<object>(path)), ...part });
  };
const remove =
  (path: string) =>
  async (_given: object, system: VaultSystem): Promise<void> =>
    (await vaultOf(system)).delete(path);

async function mountIsThere(_given: object, { context }: VaultSystem): Promise<void> {
  if ((await jwtAuthResource.read(MOUNT, context)) === undefined) await jwtAuthResource.apply([], TRUST, context);
}

/** A Vault that starts is sealed. */
async function restart(_given: object, { stack, context }: VaultSystem): Promise<void> {
  await processResource.remove("vault", context);
  await stack.server();
}

/** Of one initialized Vault, reached with its initial root token. Each of its settings that a stack makes is tried for itself. */
export const vaultRows: readonly Row[] = [
  row<VaultSystem>({
    type: "dayzero:vault:Policy",
    system: vaultSystem,
    inputs: () =>
      fc.oneof(
        name.map((stack) => ({ name: "dayzero.local.random", template: "operator", values: { stack } })),
        name.map((stack) => ({ name: "dayzero.local.random", template: "git-reader", values: { stack } })),
      ),
    tampers: {
      "its text is changed": write("sys/policies/acl/dayzero.local.random", {
        policy: '# dayzero.dev/stack: local\npath "sys/*" {\n  capabilities = ["sudo"]\n}\n',
      }),
      "its mark is gone": write("sys/policies/acl/dayzero.local.random", {
        policy: 'path "a" { capabilities = ["read"] }',
      }),
    },
    // One without the mark is no longer the stack's to remove.
    reset: (ctx, system) => remove("sys/policies/acl/dayzero.local.random")(ctx, system),
    random: 8,
  }),
  row<VaultSystem>({
    type: "dayzero:vault:JwtAuth",
    system: vaultSystem,
    inputs: () =>
      fc.record({
        mount: fc.constant(MOUNT),
        generation,
        issuerKeys: fc.subarray(keys, { minLength: 1 }),
        issuer: fc.constantFrom("https://kubernetes.default.svc", "https://oidc.example.com/a"),
      }),
    tampers: {
      "other keys are trusted": write(`auth/${MOUNT}/config`, { jwt_validation_pubkeys: keys.slice(2) }),
      "more algorithms are accepted": write(`auth/${MOUNT}/config`, { jwt_supported_algs: ["RS256", "ES256"] }),
      "it is gone": remove(`sys/auth/${MOUNT}`),
    },
    random: 8,
  }),
  row<VaultSystem>({
    type: "dayzero:vault:JwtRole",
    system: vaultSystem,
    prepare: mountIsThere,
    inputs: () =>
      fc.record({
        mount: fc.constant(MOUNT),
        name: fc.constant("git-reader"),
        subject: fc.tuple(name, name).map(([namespace, account]) => `system:serviceaccount:${namespace}:${account}`),
        audience: fc.constantFrom("vault", "https://vault.example.com"),
        policy: fc.constantFrom("dayzero.local.a", "dayzero.local.b"),
        uses: fc.integer({ min: 0, max: 5 }),
      }),
    tampers: {
      "it gives more": write(`auth/${MOUNT}/role/git-reader`, { token_policies: ["root", "dayzero.local.a"] }),
      "anybody may log in": write(`auth/${MOUNT}/role/git-reader`, { bound_subject: "", bound_claims: { a: "b" } }),
      "it lives longer": write(`auth/${MOUNT}/role/git-reader`, { token_ttl: 86_400, token_max_ttl: 86_400 }),
      "it is gone": remove(`auth/${MOUNT}/role/git-reader`),
    },
    random: 8,
  }),
  row<VaultSystem>({
    type: "dayzero:vault:OidcIssuer",
    system: vaultSystem,
    inputs: () => fc.record({ address: fc.constantFrom("https://127.0.0.1:8200", "https://vault.example.com") }),
    tampers: { "it is another": write("identity/oidc/config", { issuer: "https://theirs.example.com" }) },
    neverOwned: "a setting of the whole Vault carries nobody's mark",
    random: 4,
  }),
  row<VaultSystem>({
    type: "dayzero:vault:OidcKey",
    system: vaultSystem,
    inputs: () =>
      fc.record({ name: fc.constant(KEY), audiences: fc.uniqueArray(audience, { minLength: 1, maxLength: 3 }) }),
    tampers: {
      "it signs for others too": write(`identity/oidc/key/${KEY}`, {
        allowed_client_ids: ["*", gitAudience("local", "fleet")],
      }),
      "it signs for others only": write(`identity/oidc/key/${KEY}`, { allowed_client_ids: ["*"] }),
      "it is another kind": write(`identity/oidc/key/${KEY}`, { algorithm: "RS256" }),
      "it is gone": remove(`identity/oidc/key/${KEY}`),
    },
    // One that signs for others only is no longer the stack's, so no run touches it.
    reset: (ctx, system) => remove(`identity/oidc/key/${KEY}`)(ctx, system),
    random: 8,
  }),
  row<VaultSystem>({
    type: "dayzero:vault:OidcRole",
    system: vaultSystem,
    prepare: async (_given, system) => {
      const vault = await vaultOf(system);
      await vault.write("identity/oidc/key/any", { allowed_client_ids: ["*"] });
      await vault.write("identity/oidc/key/other", { allowed_client_ids: ["*"] });
    },
    inputs: () =>
      fc.record({
        name: fc.constant(ROLE),
        repository: fc.constant("fleet"),
        generation,
        key: fc.constantFrom("any", "other"),
        audience,
      }),
    tampers: {
      "it says something else": write(`identity/oidc/role/${ROLE}`, {
        template: JSON.stringify({ repository: "theirs" }),
      }),
      "it lives longer": write(`identity/oidc/role/${ROLE}`, { ttl: 86_400 }),
      "it is gone": remove(`identity/oidc/role/${ROLE}`),
    },
    random: 8,
  }),
  row<VaultSystem>({
    type: "dayzero:vault:RootToken",
    system: mortalVaultSystem,
    inputs: ({ stack }) => fc.constant({ state: "revoked", address: stack.address, mount: stack.mount }),
    // As after the initialization, which made it.
    reset: (_ctx, system) => operatorIsTrusted(system),
    neverOwned: "nothing is left of it",
    afterRemoval: "that it is gone is what is read",
    random: 0,
  }),
  row<VaultSystem>({
    type: "dayzero:vault:Initialization",
    system: mortalVaultSystem,
    inputs: ({ stack }) => {
      const [shares, threshold] = [2, 2];
      return fc.constant({ address: stack.address, authority: "platform", recipients: [], shares, threshold });
    },
    tampers: {
      "it is sealed": restart,
    },
    reset: (_ctx, system) => anew(system),
    neverOwned: "a Vault is not thrown away because a program no longer mentions it",
    afterRemoval: "without its shares nobody can use that Vault any more",
    random: 1,
  }),
];

/** What the operator logs in through once there is no root token. */
async function operatorIsTrusted({ stack, context }: VaultSystem): Promise<void> {
  const { mount, issuer } = stack;
  const { generation, publicKey } = issuer;
  await jwtAuthResource.apply([], { mount, generation, issuerKeys: [publicKey], issuer: ISSUER }, context);
  const source = { name: "dayzero.local.operator", template: "operator", values: { stack: "local" } };
  await policyResource.apply([], policyResource.inputs.parse(source), context);
  const { role, serviceAccount } = OPERATOR;
  const subject = subjectOf(serviceAccount);
  const inputs = { mount, name: role, subject, audience: VAULT_AUDIENCE, policy: source.name, uses: 0 };
  await jwtRoleResource.apply([], inputs, context);
}

/** An empty Vault that was never initialized. */
async function anew({ stack, context }: VaultSystem): Promise<void> {
  context.memory.clear();
  await storageResource.remove("vault", context);
  await processResource.remove("vault", context);
  await initializationResource.remove("", context);
  await stack.server();
}
