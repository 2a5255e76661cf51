import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { oidcMark, oidcRoleName } from "../../manifests/vault/trustNames.ts";
import type { Resource } from "../Resource.ts";
import { type Settings, settingsChanges } from "./settingsChanges.ts";

const inputs = z.strictObject({
  repository: z.string().min(1),
  generation: z.uuid(),
  /** Name of the OIDC key. */
  key: z.string().min(1),
  /** See `gitAudience`. */
  audience: z.string().startsWith("dayzero/"),
});

export type OidcRoleInputs = z.infer<typeof inputs>;

export interface OidcRoleLive {
  readonly name: string;
  readonly settings: Settings;
}

const PATH = "identity/oidc/role";
const TOKEN_SECONDS = 600;

/**
 * What is said in the OIDC token that reads one repository: the claims are constants, so whoever may ask for the token cannot shape it.
 * Source: https://openbao.org/api-docs/secret/identity/tokens/.
 */
export const oidcRoleResource: Resource<OidcRoleInputs, OidcRoleLive> = {
  type: "dayzero:vault:OidcRole",
  inputs,

  identify: ({ repository }) => oidcRoleName(repository),

  async read(name, ctx) {
    const vault = await ctx.vault();
    const settings = await vault.read<Settings>(`${PATH}/${name}`);
    if (settings === undefined) return undefined;
    if (isOwn(settings, ctx.stack)) return { name, settings };
    throw new DayzeroError(
      "VAULT_ROLE_NOT_OWN",
      `cannot manage vault OIDC role "${name}": its client id is ${String(settings.client_id)}`,
      {
        hint: `delete the role if nobody needs it; stack "${ctx.stack}" then makes its own`,
      },
    );
  },

  plan(live, desired) {
    return live === undefined ? [{ action: "create", path: "" }] : settingsChanges(live.settings, settingsOf(desired));
  },

  async apply(_changes, desired, ctx) {
    const name = oidcRoleName(desired.repository);
    await (await ctx.vault()).write(`${PATH}/${name}`, settingsOf(desired));
    return { name, settings: settingsOf(desired) };
  },

  async owned(stack, ctx) {
    const vault = await ctx.vault();
    const names = await vault.list(PATH);
    const roles = await Promise.all(names.map((name) => vault.read<Settings>(`${PATH}/${name}`)));
    return names.filter((_, index) => isOwn(roles[index], stack));
  },

  async remove(name, ctx) {
    await (await ctx.vault()).delete(`${PATH}/${name}`);
  },
};

function isOwn(settings: Settings | undefined, stack: string): boolean {
  return typeof settings?.client_id === "string" && settings.client_id.startsWith(oidcMark(stack));
}

function settingsOf({ repository, generation, key, audience }: OidcRoleInputs): Settings {
  return { key, client_id: audience, ttl: TOKEN_SECONDS, template: JSON.stringify({ repository, generation }) };
}
