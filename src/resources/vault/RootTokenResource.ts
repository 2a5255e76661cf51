import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import type { Context, Resource } from "../Resource.ts";
import { readInitialRootToken, removeInitialRootToken } from "./initialRootToken.ts";
import { isAccepted, loginOperator } from "./operatorVaultClient.ts";
import { readSealedShares } from "./SealedShares.ts";
import { vaultConnection } from "./vaultConnection.ts";

const inputs = z.strictObject({
  state: z.literal("revoked"),
  address: z.url({ protocol: /^https$/ }),
  /** Whose certificate it has, as `vaultConnection` takes it. */
  authority: z.string().min(1).optional(),
  /** JWT auth mount through which the operator logs in from now on. */
  mount: z.string().min(1),
});

export type RootTokenInputs = z.infer<typeof inputs>;

export interface RootTokenLive {
  /** `revoked` once Vault was seen to refuse it: only then does its sealed copy go. */
  readonly state: "present" | "revoked";
}

/**
 * The end of Vault's initial root token: first the operator's login is proven, then the token is revoked, then Vault has to refuse
 * it, and last its sealed copy is deleted. A crash in between leaves the copy, and the next run goes on from what Vault says.
 */
export const rootTokenResource: Resource<RootTokenInputs, RootTokenLive> = {
  type: "dayzero:vault:RootToken",
  inputs,

  id: z.literal("initial"),
  identify: () => "initial",

  async read(_id, ctx) {
    const layout = new StackLayout(ctx.directory);
    if ((await readSealedShares(layout))?.state !== "sealed") return undefined;
    const token = await readInitialRootToken(layout, ctx.memory);
    return { state: token.state === "gone" ? "revoked" : "present" };
  },

  plan(live) {
    if (live === undefined) return [{ action: "create", path: "" }];
    return live.state === "revoked" ? [] : [{ action: "update", path: "state", before: live.state, after: "revoked" }];
  },

  async apply(_changes, desired, ctx) {
    const layout = new StackLayout(ctx.directory);
    const root = await readInitialRootToken(layout, ctx.memory);
    if (root.state === "sealed") {
      throw new DayzeroError(
        "VAULT_ROOT_TOKEN_SEALED",
        "cannot revoke vault's initial root token: no identity at hand opens it",
        {
          hint: "run `dayzero up --identity FILE` with the age identity of one of the stack's recipients",
        },
      );
    }
    if (root.state === "gone") return { state: "revoked" };
    const { address, authority = "platform" } = desired;
    const client = await vaultConnection(layout, { address, authority }, () => ctx.kubernetes());
    try {
      await proveOperator(desired, ctx, client);
      const asRoot = client.withToken(root.token);
      if (await isAccepted(asRoot)) await asRoot.write("auth/token/revoke-self");
      if (await isAccepted(asRoot)) {
        throw new DayzeroError(
          "VAULT_ROOT_TOKEN_ALIVE",
          "vault still accepts its initial root token after revoking it",
          {
            hint: "run `dayzero up` again; if it stays so, look at its log (of an embedded one logs/vault.log)",
          },
        );
      }
    } finally {
      await client.close();
    }
    await removeInitialRootToken(layout, ctx.memory);
    return { state: "revoked" };
  },

  /** None: nothing is left of it. */
  owned: async () => [],

  remove: async () => {},

  ledger(_id, live) {
    if (live.state === "revoked") return [];
    return [
      {
        what: "initial root token of Vault, sealed to age recipients",
        where: "vault/root-token.age",
        expiresAt: null,
        residual: false,
      },
    ];
  },
};

/** Before the only other way in is closed. */
async function proveOperator(
  { mount }: RootTokenInputs,
  ctx: Context,
  client: Awaited<ReturnType<typeof vaultConnection>>,
): Promise<void> {
  try {
    const operator = await loginOperator(client, await ctx.kubernetes(), mount);
    await operator.read("sys/auth");
    await operator.write("auth/token/revoke-self");
  } catch (cause) {
    throw new DayzeroError(
      "VAULT_OPERATOR_REFUSED",
      `cannot log in to vault as operator through auth/${mount}, so its initial root token stays`,
      {
        cause,
        hint: "run `dayzero up` again; Vault's log (of an embedded one logs/vault.log) says why it refuses the operator",
      },
    );
  }
}
