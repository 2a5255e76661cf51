import { z } from "zod";
import { oidcIssuerUrl } from "../../manifests/vault/trustNames.ts";
import type { Resource } from "../Resource.ts";

const inputs = z.strictObject({
  /** Scheme, host and port under which verifiers reach Vault. */
  address: z.url({ protocol: /^https$/ }),
});

export type OidcIssuerInputs = z.infer<typeof inputs>;

export interface OidcIssuerLive {
  /** `iss` of the tokens. */
  readonly issuer: string;
  readonly address: string;
}

const PATH = "identity/oidc/config";

/**
 * Who Vault says it is in the OIDC tokens that it signs; one setting for the whole Vault.
 * Source: https://openbao.org/api-docs/secret/identity/tokens/.
 */
export const oidcIssuerResource: Resource<OidcIssuerInputs, OidcIssuerLive> = {
  type: "dayzero:vault:OidcIssuer",
  inputs,

  id: z.literal("issuer"),
  identify: () => "issuer",

  async read(_id, ctx) {
    const vault = await ctx.vault();
    const config = await vault.read<{ issuer: string }>(PATH);
    return config?.issuer ? live(config.issuer) : undefined;
  },

  plan(found, desired) {
    if (found === undefined) return [{ action: "create", path: "" }];
    if (found.address === desired.address) return [];
    return [{ action: "update", path: "address", before: found.address, after: desired.address }];
  },

  async apply(_changes, { address }, ctx) {
    await (await ctx.vault()).write(PATH, { issuer: address });
    return live(address);
  },

  /** None: a setting of the whole Vault carries nobody's mark. */
  owned: async () => [],

  async remove(_id, ctx) {
    await (await ctx.vault()).write(PATH, { issuer: "" });
  },
};

function live(address: string): OidcIssuerLive {
  return { address, issuer: oidcIssuerUrl(address) };
}
