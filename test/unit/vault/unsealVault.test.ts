import { expect, test } from "vitest";
import { untilActive } from "../../../src/resources/vault/unsealVault.ts";

test("untilActive() gives up on a node that stays on standby, and says where the reason is", async () => {
  const client = {
    address: "https://127.0.0.1:8200",
    health: async () => ({ initialized: true, sealed: false, standby: true }),
  };
  const { signal } = new AbortController();
  await expect(untilActive(client, { withinMs: 60, logFile: "logs/vault.log", signal })).rejects.toMatchObject({
    code: "VAULT_NOT_ACTIVE",
    hint: expect.stringContaining("logs/vault.log"),
  });
});
