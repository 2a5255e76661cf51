import type { ZodType } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { nameInVault, stackPath } from "../../manifests/vault/trustNames.ts";
import { segments } from "../identity.ts";
import type { Resource } from "../Resource.ts";
import { type Settings, settingsChanges } from "./settingsChanges.ts";
import { writeSettings } from "./writeSettings.ts";

export interface OidcLive {
  readonly name: string;
  readonly settings: Settings;
}

interface Kind<Inputs> {
  readonly kind: "key" | "role";
  readonly inputs: ZodType<Inputs>;
  settingsOf(inputs: Inputs): Settings;
  /** Whom it is for. One of them carries the mark of the stack that made it. */
  audiencesOf(settings: Settings): unknown;
}

type OidcResource<Inputs> = Required<
  Pick<Resource<Inputs, OidcLive>, "inputs" | "id" | "identify" | "read" | "plan" | "apply" | "owned" | "remove">
>;

/**
 * What keys and roles of Vault's OIDC provider have in common: a name, settings, and the stack's mark in an audience.
 * Source: https://openbao.org/api-docs/secret/identity/tokens/.
 */
export function oidcSettings<Inputs extends { name: string }>(of: Kind<Inputs>): OidcResource<Inputs> {
  const { kind, inputs, settingsOf, audiencesOf } = of;
  const folder = `identity/oidc/${kind}`;
  const isOwn = (settings: Settings | undefined, stack: string): boolean =>
    [settings === undefined ? [] : audiencesOf(settings)]
      .flat()
      .some((one) => String(one).startsWith(stackPath(stack)));
  return {
    inputs,
    id: segments(1),
    identify: ({ name }) => name,

    async read(name, { vault, stack }) {
      const settings = await (await vault()).read<Settings>(`${folder}/${name}`);
      if (settings === undefined) return undefined;
      if (isOwn(settings, stack)) return { name, settings };
      const audiences = [audiencesOf(settings)].flat().join(", ");
      throw new DayzeroError(
        "VAULT_OIDC_NOT_OWN",
        `cannot manage vault OIDC ${kind} "${name}": it is for ${audiences || "nobody"}`,
        { hint: `delete the ${kind} if nobody needs it; stack "${stack}" then makes its own` },
      );
    },

    plan(live, desired) {
      if (live === undefined) return [{ action: "create", path: "" }];
      return settingsChanges(live.settings, settingsOf(desired));
    },

    async apply(_changes, desired, { vault }) {
      const { name } = desired;
      return { name, settings: await writeSettings(await vault(), `${folder}/${name}`, settingsOf(desired)) };
    },

    async owned(stack, ctx) {
      const vault = await ctx.vault();
      const names = (await vault.list(folder)).filter((name) => name.startsWith(nameInVault(stack, "")));
      const found = await Promise.all(names.map((name) => vault.read<Settings>(`${folder}/${name}`)));
      return names.filter((_, index) => isOwn(found[index], stack));
    },

    async remove(name, ctx) {
      const vault = await ctx.vault();
      const path = `${folder}/${name}`;
      if (isOwn(await vault.read<Settings>(path), ctx.stack)) await vault.delete(path);
    },
  };
}
