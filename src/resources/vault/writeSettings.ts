import type { VaultClient } from "../../clients/VaultClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { type Settings, settingsChanges } from "./settingsChanges.ts";

/** Writes settings, and resolves with what Vault then has; throws `VAULT_SETTINGS_NOT_KEPT` when that still differs. */
export async function writeSettings(vault: VaultClient, path: string, wanted: Settings): Promise<Settings> {
  await vault.write(path, wanted);
  const kept = await vault.read<Settings>(path);
  const wrong = kept === undefined ? ["all of it"] : settingsChanges(kept, wanted).map((change) => change.path);
  if (kept !== undefined && wrong.length === 0) return kept;
  throw new DayzeroError("VAULT_SETTINGS_NOT_KEPT", `vault ${path} does not keep its settings: ${wrong.join(", ")}`, {
    hint: `compare ${path} in Vault with what \`dayzero plan\` shows`,
  });
}
