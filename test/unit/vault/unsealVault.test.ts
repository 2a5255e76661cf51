import { expect, test } from "vitest";
import { untilActive, untilAnswering } from "../../../src/resources/vault/unsealVault.ts";

const { signal } = new AbortController();
const standby = {
  address: "https://127.0.0.1:8200",
  health: async () => ({ initialized: true, sealed: false, standby: true }),
  read: async <T>() => ({ leader_address: "" }) as T,
};

test("untilActive() gives up on a node that stays on standby, and says where the reason is", async () => {
  const client = standby;
  await expect(untilActive(client, { withinMs: 60, logFile: "logs/vault.log", signal })).rejects.toMatchObject({
    code: "VAULT_NOT_ACTIVE",
    hint: expect.stringContaining("logs/vault.log"),
  });
});

test("untilActive() takes a standby of several nodes once it knows the leader", async () => {
  let asked = 0;
  const read = async <T>() => ({ leader_address: ++asked > 2 ? "https://openbao-1:8200" : "" }) as T;
  const options = { withinMs: 5_000, logFile: "its log", signal, clustered: true };
  await untilActive({ ...standby, read }, options);
  expect(asked).toBe(3);
});

test("untilAnswering() waits for a server that is not there yet, and for one that unseals itself", async () => {
  const answers = [undefined, { sealed: true }, { sealed: false }];
  let asked = 0;
  const health = async () => {
    const answer = answers[asked++];
    if (answer === undefined) throw new Error("connection refused");
    return { initialized: true, standby: false, ...answer };
  };
  await untilAnswering({ ...standby, health }, { withinMs: 5_000, autoUnseal: true, signal });
  expect(asked).toBe(3);
});

test.each([
  ["VAULT_UNREACHABLE", () => Promise.reject(new Error("connection refused"))],
  ["VAULT_SEALED", async () => ({ initialized: true, sealed: true, standby: true })],
])("untilAnswering() gives up with %s", async (code, health) => {
  const client = { ...standby, health };
  await expect(untilAnswering(client, { withinMs: 30, autoUnseal: true, signal })).rejects.toMatchObject({ code });
});
