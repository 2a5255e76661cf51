import { readFile } from "node:fs/promises";
import { VaultClient } from "../../clients/VaultClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";

/** A client without a token; the authority is one of the stack's own (`platform`). */
export async function vaultConnection(
  layout: StackLayout,
  server: { address: string; authority: string },
): Promise<VaultClient> {
  const path = layout.pki(server.authority, "ca.crt");
  const ca = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new DayzeroError("VAULT_AUTHORITY_MISSING", `cannot read the CA certificate of vault from ${path}`, {
      cause,
      hint: "run `dayzero up`, which makes it",
    });
  });
  return new VaultClient({ address: server.address, ca });
}
