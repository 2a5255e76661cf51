import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { segmentPath } from "../identity.ts";
import type { Resource } from "../Resource.ts";
import { ownMounts } from "./JwtAuthResource.ts";
import { type Settings, settingsChanges } from "./settingsChanges.ts";
import { writeSettings } from "./writeSettings.ts";

const inputs = z.strictObject({
  mount: z.string().min(1),
  name: z.string().min(1),
  /** The one subject that may log in. */
  subject: z.string().min(1),
  /** The one audience its token has to be for. */
  audience: z.string().min(1),
  /** The one policy of the tokens. */
  policy: z.string().min(1),
  /** How many requests a token is good for; 0: any number within its five minutes. */
  uses: z.int().min(0),
});

export type JwtRoleInputs = z.infer<typeof inputs>;

export interface JwtRoleLive {
  readonly mount: string;
  readonly name: string;
  readonly settings: Settings;
}

const TOKEN_SECONDS = 300;

/**
 * A role of a JWT auth mount: one subject, one audience, one policy, a service token of five minutes.
 *
 * Vault merges what is written into what a role has, so every setting that could widen it is written by name, read back and
 * compared; a role that still differs is deleted and made anew. Source: https://openbao.org/api-docs/auth/jwt/.
 */
export const jwtRoleResource: Resource<JwtRoleInputs, JwtRoleLive> = {
  type: "dayzero:vault:JwtRole",
  inputs,

  id: segmentPath,
  identify: ({ mount, name }) => `${mount}/${name}`,

  async read(id, ctx) {
    const { mount, name, path } = parts(id);
    const vault = await ctx.vault();
    if (!(await ownMounts(vault, ctx.stack)).includes(mount)) return undefined;
    const settings = await vault.read<Settings>(path);
    return settings === undefined ? undefined : { mount, name, settings };
  },

  plan(live, desired) {
    return live === undefined ? [{ action: "create", path: "" }] : settingsChanges(live.settings, settingsOf(desired));
  },

  async apply(_changes, desired, ctx) {
    const vault = await ctx.vault();
    const { mount, name, path } = parts(jwtRoleResource.identify(desired));
    try {
      return { mount, name, settings: await writeSettings(vault, path, settingsOf(desired)) };
    } catch (error) {
      if (!(error instanceof DayzeroError && error.code === "VAULT_SETTINGS_NOT_KEPT")) throw error;
    }
    await vault.delete(path);
    return { mount, name, settings: await writeSettings(vault, path, settingsOf(desired)) };
  },

  async owned(stack, ctx) {
    const vault = await ctx.vault();
    const mounts = await ownMounts(vault, stack);
    const roles = await Promise.all(mounts.map((mount) => vault.list(`auth/${mount}/role`)));
    return mounts.flatMap((mount, index) => (roles[index] ?? []).map((name) => `${mount}/${name}`));
  },

  async remove(id, ctx) {
    const vault = await ctx.vault();
    const { mount, path } = parts(id);
    if ((await ownMounts(vault, ctx.stack)).includes(mount)) await vault.delete(path);
  },
};

function parts(id: string): { mount: string; name: string; path: string } {
  const end = id.lastIndexOf("/");
  const [mount, name] = [id.slice(0, end), id.slice(end + 1)];
  return { mount, name, path: `auth/${mount}/role/${name}` };
}

/** Leeways of -1 mean none: 0 means Vault's default, which accepts a token half a minute after its end. */
function settingsOf({ subject, audience, policy, uses }: JwtRoleInputs): Settings {
  return {
    role_type: "jwt",
    user_claim: "sub",
    user_claim_json_pointer: false,
    bound_subject: subject,
    bound_audiences: [audience],
    bound_claims: {},
    bound_claims_type: "string",
    claim_mappings: {},
    groups_claim: "",
    clock_skew_leeway: -1,
    expiration_leeway: -1,
    not_before_leeway: -1,
    max_age: 0,
    token_policies: [policy],
    token_no_default_policy: true,
    token_num_uses: uses,
    token_type: "service",
    token_ttl: TOKEN_SECONDS,
    token_max_ttl: TOKEN_SECONDS,
    token_explicit_max_ttl: TOKEN_SECONDS,
    token_period: 0,
    token_bound_cidrs: [],
    verbose_oidc_logging: false,
  };
}
