import { createPublicKey } from "node:crypto";
import { z } from "zod";
import type { VaultClient } from "../../clients/VaultClient.ts";
import { VaultError } from "../../clients/VaultError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import type { Resource } from "../Resource.ts";
import { type Settings, settingsChanges } from "./settingsChanges.ts";

const inputs = z.strictObject({
  /** Its path; see `jwtMountName`. */
  mount: z.string().regex(/^dayzero\/[a-z0-9-]+\/[a-z0-9-]+$/, "is not dayzero/<stack>/<generation>"),
  /** UID of the cluster's kube-system namespace. */
  generation: z.uuid(),
  /** Public keys (PEM) of the cluster's service-account issuer: Vault needs no network path to the cluster. */
  issuerKeys: z
    .array(
      z.string().refine((key) => algorithmOf(key) !== undefined, {
        error: "expected a public key in PEM: RSA, or EC on P-256, P-384 or P-521",
      }),
    )
    .min(1),
  issuer: z.url(),
});

export type JwtAuthInputs = z.infer<typeof inputs>;

export interface JwtAuthLive {
  readonly mount: string;
  readonly generation: string;
  readonly accessor: string;
  readonly settings: Settings;
}

interface AuthMount {
  readonly type: string;
  readonly description: string;
  readonly accessor: string;
}

/**
 * The trust in one generation of the cluster: a JWT auth mount with that generation's keys pinned.
 *
 * Ending a generation is removing this: its roles, so that nobody logs in any more, the entities made by logins, then
 * the mount, which revokes every token it gave. Source: https://openbao.org/api-docs/auth/jwt/.
 */
export const jwtAuthResource: Resource<JwtAuthInputs, JwtAuthLive> = {
  type: "dayzero:vault:JwtAuth",
  inputs,

  id: inputs.shape.mount,
  identify: ({ mount }) => mount,

  async read(mount, ctx) {
    const vault = await ctx.vault();
    const found = (await authMounts(vault)).get(mount);
    if (found === undefined) return undefined;
    const mark = markIn(found.description);
    if (mark?.stack !== ctx.stack || found.type !== "jwt") {
      throw new DayzeroError(
        "VAULT_MOUNT_NOT_OWN",
        `cannot manage vault mount auth/${mount}: it is of type "${found.type}" with description ${JSON.stringify(found.description)}`,
        { hint: `disable the mount if nobody needs it; stack "${ctx.stack}" then makes its own` },
      );
    }
    const settings = (await vault.read<Settings>(`auth/${mount}/config`)) ?? {};
    return { mount, generation: mark.generation, accessor: found.accessor, settings };
  },

  plan(live, desired) {
    if (live === undefined) return [{ action: "create", path: "" }];
    return settingsChanges(
      { ...live.settings, generation: live.generation },
      { ...settingsOf(desired), generation: desired.generation },
    );
  },

  async apply(_changes, desired, ctx) {
    const vault = await ctx.vault();
    const { mount } = desired;
    const description = descriptionOf(ctx.stack, desired.generation);
    const found = (await authMounts(vault)).get(mount);
    if (found === undefined) await vault.write(`sys/auth/${mount}`, { type: "jwt", description });
    else if (found.description !== description) await vault.write(`sys/auth/${mount}/tune`, { description });
    await vault.write(`auth/${mount}/config`, settingsOf(desired));
    const live = await jwtAuthResource.read(mount, ctx);
    if (live !== undefined && jwtAuthResource.plan(live, desired).length === 0) return live;
    throw new DayzeroError("VAULT_MOUNT_NOT_HEALED", `vault mount auth/${mount} does not keep its configuration`, {
      hint: `look at auth/${mount}/config in Vault`,
    });
  },

  async owned(stack, ctx) {
    return ownMounts(await ctx.vault(), stack);
  },

  async remove(mount, ctx) {
    const vault = await ctx.vault();
    const found = (await authMounts(vault)).get(mount);
    if (found === undefined || markIn(found.description)?.stack !== ctx.stack) return;
    for (const role of await vault.list(`auth/${mount}/role`)) await vault.delete(`auth/${mount}/role/${role}`);
    for (const entity of await entitiesOf(vault, found.accessor)) await vault.delete(`identity/entity/id/${entity}`);
    await vault.delete(`sys/auth/${mount}`);
  },
};

/** JWT auth mounts that carry the stack's mark, whatever their generation. */
export async function ownMounts(vault: VaultClient, stack: string): Promise<string[]> {
  const mounts = [...(await authMounts(vault))];
  return mounts.filter(([, { description }]) => markIn(description)?.stack === stack).map(([mount]) => mount);
}

async function authMounts(vault: VaultClient): Promise<Map<string, AuthMount>> {
  const mounts = (await vault.read<Record<string, AuthMount>>("sys/auth")) ?? {};
  return new Map(Object.entries(mounts).map(([path, mount]) => [path.replace(/\/$/, ""), mount]));
}

/**
 * Every login leaves an entity whose alias names the mount. None where Vault shows them to its owner only: there they stay, and are good
 * for nothing without the mount.
 */
async function entitiesOf(vault: VaultClient, accessor: string): Promise<string[]> {
  const listed = vault.read<{
    key_info?: Record<string, { aliases?: { mount_accessor: string }[] | null }>;
  }>("identity/entity/id?list=true");
  const found = await listed.catch((error: unknown) => {
    if (error instanceof VaultError && error.status === 403) return undefined;
    throw error;
  });
  return Object.entries(found?.key_info ?? {})
    .filter(([, { aliases }]) => aliases?.some(({ mount_accessor }) => mount_accessor === accessor))
    .map(([id]) => id);
}

/** All the settings that decide who is trusted: those that are not ours are said to be empty. */
function settingsOf({ issuerKeys, issuer }: JwtAuthInputs): Settings {
  return {
    jwt_validation_pubkeys: issuerKeys,
    bound_issuer: issuer,
    jwt_supported_algs: [...new Set(issuerKeys.map(algorithmOf))],
    jwks_url: "",
    jwks_ca_pem: "",
    oidc_discovery_url: "",
    oidc_discovery_ca_pem: "",
    oidc_client_id: "",
    default_role: "",
    provider_config: {},
  };
}

/**
 * What the API server signs with when this is its key's public half; `undefined` for one that it cannot have.
 * Source: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/ (--service-account-signing-key-file).
 */
function algorithmOf(publicKey: string): string | undefined {
  // From a private one the public half would be taken.
  if (!publicKey.includes("PUBLIC KEY")) return undefined;
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey(publicKey);
    return asymmetricKeyType === "rsa" ? "RS256" : CURVES[asymmetricKeyDetails?.namedCurve ?? ""];
  } catch {
    return undefined;
  }
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: "ES256", secp384r1: "ES384", secp521r1: "ES512" };

function descriptionOf(stack: string, generation: string): string {
  return `${STACK_LABEL}=${stack} dayzero.dev/generation=${generation}`;
}

function markIn(description: string): { stack: string; generation: string } | undefined {
  const match = /^dayzero\.dev\/stack=(\S+) dayzero\.dev\/generation=(\S+)$/.exec(description);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { stack: match[1], generation: match[2] };
}
