import { VaultClient } from "../../clients/VaultClient.ts";
import type { ExternalVaultSpec } from "../../config/StackSpec.ts";
import { type Finding, not, ok } from "./Finding.ts";

/** That a Vault of others answers, is initialized and unsealed, and its version. Throws `VAULT_UNREACHABLE`. */
export async function checkVault({ address, ca }: Pick<ExternalVaultSpec, "address" | "ca">): Promise<Finding> {
  const client = new VaultClient({ address, ca });
  try {
    const status = await client.read<{ initialized: boolean; sealed: boolean; version: string }>("sys/seal-status");
    if (status === undefined)
      return not("problem", `${address} is no Vault: it has no seal status`, "correct dayzero:vault.address");
    const { initialized, sealed, version } = status;
    const seen = `${address} is version ${version}`;
    if (!initialized)
      return not(
        "problem",
        `${seen}, and not initialized`,
        "initialize it, or have the stack install one: dayzero:vault.install",
      );
    if (sealed) return not("problem", `${seen}, and sealed`, "unseal it");
    return ok(`${seen}, unsealed`);
  } finally {
    await client.close();
  }
}
