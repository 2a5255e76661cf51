import { z } from "zod";
import type { Resource } from "../Resource.ts";
import { type OidcLive, oidcSettings } from "./oidcSettings.ts";

const inputs = z.strictObject({
  /** See `oidcRoleName`. */
  name: z.string().startsWith("dayzero."),
  repository: z.string().min(1),
  generation: z.uuid(),
  /** Name of the OIDC key. */
  key: z.string().min(1),
  /** See `gitAudience`. */
  audience: z.string().startsWith("dayzero/"),
});

export type OidcRoleInputs = z.infer<typeof inputs>;

/** The life of a Git credential. */
export const GIT_TOKEN_SECONDS = 600;

/** What is said in the OIDC token that reads one repository: the claims are constants, so whoever may ask for the token cannot shape it. */
export const oidcRoleResource: Resource<OidcRoleInputs, OidcLive> = {
  type: "dayzero:vault:OidcRole",

  ...oidcSettings<OidcRoleInputs>({
    kind: "role",
    inputs,
    settingsOf: ({ repository, generation, key, audience }) => ({
      key,
      client_id: audience,
      ttl: GIT_TOKEN_SECONDS,
      template: JSON.stringify({ repository, generation }),
    }),
    audiencesOf: ({ client_id }) => client_id,
  }),
};
