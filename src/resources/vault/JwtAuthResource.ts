import { z } from "zod";
import type { VaultClient } from "../../clients/VaultClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { jwtMountName } from "../../manifests/vault/trustNames.ts";
import type { Resource } from "../Resource.ts";
import { type Settings, settingsChanges } from "./settingsChanges.ts";

const inputs = z.strictObject({
  /** UID of the cluster's kube-system namespace. */
  generation: z.uuid(),
  /** Public keys (PEM) of the cluster's service-account issuer: Vault needs no network path to the cluster. */
  issuerKeys: z.array(z.string().includes("PUBLIC KEY")).min(1),
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

  identify: ({ generation }) => jwtMountName(generation),

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
    const mount = jwtMountName(desired.generation);
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
    if (found === undefined) return;
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

/** Every login leaves an entity whose alias names the mount. */
async function entitiesOf(vault: VaultClient, accessor: string): Promise<string[]> {
  const found = await vault.read<{
    key_info?: Record<string, { aliases?: { mount_accessor: string }[] | null }>;
  }>("identity/entity/id?list=true");
  return Object.entries(found?.key_info ?? {})
    .filter(([, { aliases }]) => aliases?.some(({ mount_accessor }) => mount_accessor === accessor))
    .map(([id]) => id);
}

/** All the settings that decide who is trusted: those that are not ours are said to be empty. */
function settingsOf({ issuerKeys, issuer }: JwtAuthInputs): Settings {
  return {
    jwt_validation_pubkeys: issuerKeys,
    bound_issuer: issuer,
    jwt_supported_algs: ["RS256"],
    jwks_url: "",
    jwks_ca_pem: "",
    oidc_discovery_url: "",
    oidc_discovery_ca_pem: "",
    oidc_client_id: "",
    default_role: "",
    provider_config: {},
  };
}

function descriptionOf(stack: string, generation: string): string {
  return `${STACK_LABEL}=${stack} dayzero.dev/generation=${generation}`;
}

function markIn(description: string): { stack: string; generation: string } | undefined {
  const match = /^dayzero\.dev\/stack=(\S+) dayzero\.dev\/generation=(\S+)$/.exec(description);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { stack: match[1], generation: match[2] };
}
