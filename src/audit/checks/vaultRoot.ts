import type { VaultClient } from "../../clients/VaultClient.ts";
import { VaultError } from "../../clients/VaultError.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";

/** Lookups under way at one time: an audit is no load. */
const AT_ONCE = 16;

interface TokenFacts {
  readonly accessor: string;
  readonly display_name: string;
  readonly path: string;
  /** Seconds of Unix time. */
  readonly creation_time: number;
  readonly policies: readonly string[] | null;
  readonly identity_policies?: readonly string[] | null;
}

/**
 * Every token but batch tokens has an accessor, and no batch token can have the root policy. An accessor is no credential: it tells of
 * a token and revokes it.
 *
 * Sources: https://openbao.org/api-docs/auth/token/ and .../system/generate-root/; the status that a login may read is OpenBao's.
 */
export const vaultRoot: Check = {
  id: "vault-root",
  promise: "no token in Vault has the root policy, and nobody is making one",
  remedy:
    "revoke it (`bao token revoke -accessor ACCESSOR`, as root), and end an attempt that is not yours (`bao operator generate-root -cancel`)",

  async look({ context }) {
    const evidence = new Evidence();
    const vault = await evidence.look("Vault", "a login", () => context.vault());
    if (vault === undefined) return evidence.finding;
    await evidence.look(
      "tokens",
      "list and sudo on auth/token/accessors, update on auth/token/lookup-accessor",
      async () => {
        const accessors = await vault.list("auth/token/accessors");
        const tokens: TokenFacts[] = [];
        for (let from = 0; from < accessors.length; from += AT_ONCE) {
          context.signal.throwIfAborted();
          const some = accessors.slice(from, from + AT_ONCE);
          const found = await Promise.all(some.map((accessor) => lookUp(vault, accessor)));
          tokens.push(...found.filter((token) => token !== undefined));
        }
        const roots = tokens.filter(({ policies, identity_policies: more }) =>
          [...(policies ?? []), ...(more ?? [])].includes("root"),
        );
        for (const { accessor, display_name: name, path, creation_time: at } of roots) {
          const made = new Date(at * 1000).toISOString();
          evidence.violated(`token "${name}" of ${path}, made ${made}, has the root policy (accessor ${accessor})`);
        }
        if (roots.length === 0) evidence.proved(`tokens looked at: ${tokens.length}, none with the root policy`);
      },
    );
    const attempt = "sys/generate-root-token/attempt";
    await evidence.look("generate-root attempt", `read on ${attempt} (OpenBao 2.5 or later)`, async () => {
      const status = await vault.read<{ started: boolean; progress: number; required: number }>(attempt);
      if (status === undefined) throw new Error("this Vault does not tell it to a login");
      const { started, progress, required } = status;
      if (started) evidence.violated(`a root token is being generated: ${progress} of ${required} shares are given`);
      else evidence.proved("no root token is being generated");
    });
    return evidence.finding;
  },
};

/** `undefined` for one that ended meanwhile. */
async function lookUp(vault: VaultClient, accessor: string): Promise<TokenFacts | undefined> {
  try {
    return await vault.write<TokenFacts>("auth/token/lookup-accessor", { accessor });
  } catch (error) {
    const isGone = error instanceof VaultError && error.errors.some((said) => said.includes("invalid accessor"));
    if (isGone) return undefined;
    throw error;
  }
}
