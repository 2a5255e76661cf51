import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { oidcKeyName, oidcMark } from "../../manifests/vault/trustNames.ts";
import type { Resource } from "../Resource.ts";
import { type Settings, settingsChanges } from "./settingsChanges.ts";

const inputs = z.strictObject({
  /** UID of the cluster's kube-system namespace. */
  generation: z.uuid(),
  /** Audiences that it signs for, and no others; each begins with the stack's mark (`gitAudience`). */
  audiences: z.array(z.string().startsWith("dayzero/")).min(1),
});

export type OidcKeyInputs = z.infer<typeof inputs>;

export interface OidcKeyLive {
  readonly name: string;
  readonly settings: Settings;
}

const PATH = "identity/oidc/key";
const ROTATION_SECONDS = 86_400;
/** A public key stays published for twice the life of the last token that its private half signed. */
const VERIFICATION_SECONDS = 1_200;

/**
 * The key that signs the OIDC tokens of one generation. Without it they verify nowhere, which is how a generation ends.
 * Source: https://openbao.org/api-docs/secret/identity/tokens/.
 */
export const oidcKeyResource: Resource<OidcKeyInputs, OidcKeyLive> = {
  type: "dayzero:vault:OidcKey",
  inputs,

  identify: ({ generation }) => oidcKeyName(generation),

  async read(name, ctx) {
    const vault = await ctx.vault();
    const settings = await vault.read<Settings>(`${PATH}/${name}`);
    if (settings === undefined) return undefined;
    if (isOwn(settings, ctx.stack)) return { name, settings };
    throw new DayzeroError(
      "VAULT_KEY_NOT_OWN",
      `cannot manage vault OIDC key "${name}": it signs for audiences of others`,
      {
        hint: `delete the key if nobody needs it; stack "${ctx.stack}" then makes its own`,
      },
    );
  },

  plan(live, desired) {
    return live === undefined ? [{ action: "create", path: "" }] : settingsChanges(live.settings, settingsOf(desired));
  },

  async apply(_changes, desired, ctx) {
    const name = oidcKeyName(desired.generation);
    await (await ctx.vault()).write(`${PATH}/${name}`, settingsOf(desired));
    return { name, settings: settingsOf(desired) };
  },

  async owned(stack, ctx) {
    const vault = await ctx.vault();
    const names = await vault.list(PATH);
    const keys = await Promise.all(names.map((name) => vault.read<Settings>(`${PATH}/${name}`)));
    return names.filter((_, index) => isOwn(keys[index], stack));
  },

  /** Vault keeps a key that a role still names, so those of this stack go first. */
  async remove(name, ctx) {
    const vault = await ctx.vault();
    for (const role of await vault.list("identity/oidc/role")) {
      const path = `identity/oidc/role/${role}`;
      const settings = await vault.read<{ key: string; client_id: string }>(path);
      if (settings?.key === name && settings.client_id.startsWith(oidcMark(ctx.stack))) await vault.delete(path);
    }
    await vault.delete(`${PATH}/${name}`);
  },
};

function isOwn(settings: Settings | undefined, stack: string): boolean {
  const audiences = settings?.allowed_client_ids;
  if (!Array.isArray(audiences)) return false;
  return audiences.some((audience: unknown) => typeof audience === "string" && audience.startsWith(oidcMark(stack)));
}

function settingsOf({ audiences }: OidcKeyInputs): Settings {
  return {
    algorithm: "ES256",
    allowed_client_ids: audiences,
    rotation_period: ROTATION_SECONDS,
    verification_ttl: VERIFICATION_SECONDS,
  };
}
