import { DayzeroError } from "../../config/DayzeroError.ts";
import { recipientOf } from "../../credentials/sealing.ts";
import { serverUrl } from "../../machine/readPorts.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import type { Context } from "../../resources/Resource.ts";
import { ageIdentities } from "../../resources/vault/ageIdentities.ts";
import { initializationResource } from "../../resources/vault/InitializationResource.ts";
import { readSealedShares } from "../../resources/vault/SealedShares.ts";

/** What is lost of the way back into Vault, while nothing needs it yet: each with what to do; empty when its next restart can be unsealed. */
export async function recoveryProblems(layout: StackLayout, context: Context): Promise<string[]> {
  try {
    const shares = await readSealedShares(layout);
    if (shares === undefined) {
      // Nor are there any before Vault is initialized: whether it is, only Vault knows.
      await initializationResource.read(`${await serverUrl(layout, "vault")} platform`, context);
      return [];
    }
    if (shares.state !== "sealed" || !shares.localIdentity) return [];
    const own = await Promise.all((await ageIdentities(layout, new Map())).map(recipientOf));
    if (shares.shares.some(({ recipient }) => own.includes(recipient))) return [];
    const what = own.length === 0 ? "is missing" : "is of another stack";
    return [`vault/identity.txt ${what}: Vault cannot be unsealed after its next restart; put the file back`];
  } catch (error) {
    // That Vault has no port yet, or does not answer, is a problem of its own.
    if (!(error instanceof DayzeroError) || error.code === "PORT_UNKNOWN") return [];
    if (error.code === "VAULT_INITIALIZED_BY_OTHERS")
      return [
        "vault/shares.age.json is missing: Vault cannot be unsealed after its next restart, and up refuses it; put the file back",
      ];
    return [`${error.message}; ${error.hint}`];
  }
}
