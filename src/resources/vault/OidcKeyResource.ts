import { z } from "zod";
import { nameInVault } from "../../manifests/vault/trustNames.ts";
import type { Resource } from "../Resource.ts";
import { type OidcLive, oidcSettings } from "./oidcSettings.ts";

const inputs = z.strictObject({
  /** See `oidcKeyName`. */
  name: z.string().startsWith("dayzero."),
  /** Audiences that it signs for, and no others; each begins with the stack's mark (`gitAudience`). */
  audiences: z.array(z.string().startsWith("dayzero/")).min(1),
});

export type OidcKeyInputs = z.infer<typeof inputs>;

const ROTATION_SECONDS = 86_400;
/** A public key stays published for twice the life of the last token that its private half signed. */
const VERIFICATION_SECONDS = 1_200;

const key = oidcSettings<OidcKeyInputs>({
  kind: "key",
  inputs,
  settingsOf: ({ audiences }) => ({
    algorithm: "ES256",
    allowed_client_ids: audiences,
    rotation_period: ROTATION_SECONDS,
    verification_ttl: VERIFICATION_SECONDS,
  }),
  audiencesOf: ({ allowed_client_ids }) => allowed_client_ids,
});

/** The key that signs the OIDC tokens of one generation. Without it they verify nowhere, which is how a generation ends. */
export const oidcKeyResource: Resource<OidcKeyInputs, OidcLive> = {
  type: "dayzero:vault:OidcKey",
  ...key,

  /** Vault keeps a key that a role still names, so those of this stack go first. */
  async remove(name, ctx) {
    const vault = await ctx.vault();
    const roles = await vault.list("identity/oidc/role");
    for (const role of roles.filter((one) => one.startsWith(nameInVault(ctx.stack, "")))) {
      const path = `identity/oidc/role/${role}`;
      if ((await vault.read<{ key: string }>(path))?.key === name) await vault.delete(path);
    }
    await key.remove(name, ctx);
  },
};
