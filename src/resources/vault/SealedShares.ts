import { rm } from "node:fs/promises";
import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { readIfThere } from "../../machine/readIfThere.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";

const sealedShares = z.discriminatedUnion("state", [
  /** Written before Vault is asked to initialize: if nothing newer replaces it, Vault's answer was lost. */
  z.strictObject({ state: z.literal("initializing") }),
  z.strictObject({
    state: z.literal("sealed"),
    threshold: z.int(),
    /** The identity that opens them was made by us and lies beside them. */
    localIdentity: z.boolean(),
    /** They are recovery shares: that Vault unseals itself. */
    recovery: z.literal(true).optional(),
    shares: z.array(z.strictObject({ recipient: z.string(), sealed: z.string() })).min(1),
  }),
]);

/** What is known of Vault's unseal shares; one file, so that going from one state to the next is one rename. */
export type SealedShares = z.infer<typeof sealedShares>;

/** `undefined` when nothing was ever begun. */
export async function readSealedShares(layout: StackLayout): Promise<SealedShares | undefined> {
  const path = layout.vault(FILE);
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return sealedShares.parse(JSON.parse(text));
  } catch (cause) {
    throw new DayzeroError("VAULT_SHARES_UNREADABLE", `cannot read sealed unseal shares from ${path}`, {
      cause,
      hint: "put the file back from a backup: without it Vault cannot be unsealed",
    });
  }
}

export async function writeSealedShares(layout: StackLayout, shares: SealedShares): Promise<void> {
  await writeFileAtomic(layout.vault(FILE), `${JSON.stringify(shares, null, 2)}\n`);
}

export async function removeSealedShares(layout: StackLayout): Promise<void> {
  await rm(layout.vault(FILE), { force: true });
}

const FILE = "shares.age.json";
