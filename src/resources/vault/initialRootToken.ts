import { rm } from "node:fs/promises";
import type { Secret } from "../../credentials/Secret.ts";
import { seal, unseal } from "../../credentials/sealing.ts";
import { readIfThere } from "../../machine/readIfThere.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import { ageIdentities } from "./ageIdentities.ts";

/** Key of the run's memory. */
export const ROOT_TOKEN = "vault-root-token";

/**
 * The initial root token between initialization and its revocation.
 *
 * A run keeps it in memory; a sealed copy lets the next run go on where a crash stopped this one. Each recipient alone can open
 * that copy (a threshold would need Vault's own share arithmetic): it lives for the seconds until `up` has revoked the token.
 */
export type InitialRootToken =
  | { readonly state: "gone" }
  | { readonly state: "open"; readonly token: Secret }
  /** There is a sealed copy, and no identity at hand opens it. */
  | { readonly state: "sealed" };

export async function readInitialRootToken(
  layout: StackLayout,
  memory: Map<string, Secret>,
): Promise<InitialRootToken> {
  const remembered = memory.get(ROOT_TOKEN);
  if (remembered !== undefined) return { state: "open", token: remembered };
  const sealed = await readIfThere(path(layout));
  if (sealed === undefined) return { state: "gone" };
  const token = await unseal(sealed, await ageIdentities(layout, memory), path(layout));
  if (token === undefined) return { state: "sealed" };
  memory.set(ROOT_TOKEN, token);
  return { state: "open", token };
}

export async function writeInitialRootToken(
  layout: StackLayout,
  memory: Map<string, Secret>,
  token: Secret,
  recipients: readonly string[],
): Promise<void> {
  await writeFileAtomic(path(layout), await seal(token, recipients));
  memory.set(ROOT_TOKEN, token);
}

/** For when the token is proven dead, or what it opened is gone. */
export async function removeInitialRootToken(layout: StackLayout, memory: Map<string, Secret>): Promise<void> {
  await rm(path(layout), { force: true });
  memory.delete(ROOT_TOKEN);
}

function path(layout: StackLayout): string {
  return layout.vault("root-token.age");
}
