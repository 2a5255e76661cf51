import { readdir, readFile, rename, stat, utimes } from "node:fs/promises";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { LOG_BOUNDS, rotateLogs } from "../../../src/daemons/upkeep/rotateLogs.ts";
import { auditLogProblem } from "../../../src/machine/auditLogProblem.ts";
import { SmallDisk } from "../../support/SmallDisk.ts";
import { waitFor } from "../../support/waitFor.ts";
import { auditEntries } from "./auditEntries.ts";
import { TokenIssuer } from "./TokenIssuer.ts";
import { VaultStack } from "./VaultStack.ts";

const bao = inject("tools").bao as string;
const POLICY = "sys/policies/acl/dayzero.local.operator";

const noDisk = await SmallDisk.reason();
if (noDisk !== undefined) console.info(`the tests of a full disk are skipped: ${noDisk}`);

let stack: VaultStack;
let disk: SmallDisk | undefined;
beforeEach(async () => {
  stack = await VaultStack.create(bao, new TokenIssuer());
});
afterEach(async () => {
  await disk?.unmount();
  disk = undefined;
  await stack.down();
});

const rotate = (bytes: number, kept = 3) =>
  rotateLogs(stack.layout, { bytes, kept }, (log, error) => {
    throw new Error(`cannot rotate ${log}`, { cause: error });
  });
const auditLogs = async () =>
  (await readdir(stack.layout.logs)).filter((name) => name.startsWith("vault-audit")).sort();
/** As if Vault had been started two minutes ago: before it listens to signals, SIGHUP would end it. */
async function grownUp(): Promise<void> {
  const then = new Date(Date.now() - 120_000);
  await utimes(stack.layout.pidFile("vault"), then, then);
}
/** The operator reads with a new login, which is two requests and as many answers. */
async function ask(): Promise<void> {
  stack.memory = new Map();
  await (await stack.context.vault()).read(POLICY);
}

test("rotateLogs() takes the audit log from OpenBao with no entry lost, while it is asked all the time", async () => {
  await stack.up();
  await grownUp();
  const pid = await stack.pid();
  let asked = 0;
  let isOver = false;
  const asking = (async () => {
    for (; !isOver; asked++) await ask();
  })();
  const reads = async () => {
    const logs = await Promise.all((await auditLogs()).map((name) => readFile(`${stack.layout.logs}/${name}`, "utf8")));
    return logs.flatMap((log) => auditEntries(log)).filter(({ request }) => request.path === POLICY);
  };
  const before = (await reads()).length;
  for (const round of [1, 2, 3]) {
    const had = asked;
    await rotate(0, 10);
    await waitFor(`the ${round}. new audit log`, async () => (await stack.auditLog()).length > 0 && asked > had + 5);
  }
  isOver = true;
  await asking;
  expect(await auditLogs()).toEqual(["vault-audit.log", "vault-audit.log.1", "vault-audit.log.2", "vault-audit.log.3"]);
  expect((await reads()).length - before).toBe(2 * asked);
  for (const name of await auditLogs()) expect((await stat(`${stack.layout.logs}/${name}`)).mode & 0o777).toBe(0o600);
  expect(await stack.pid()).toBe(pid);
});

test("rotateLogs() sends the signal that a kill kept back, to a Vault that is up and to no other", async () => {
  await stack.up();
  const log = stack.layout.log("vault-audit");
  await rename(log, `${log}.1`);
  await rotate(LOG_BOUNDS.bytes);
  await ask();
  expect(await auditLogs(), "it was started just now").toEqual(["vault-audit.log.1"]);
  await grownUp();
  await rotate(LOG_BOUNDS.bytes);
  await waitFor("the new audit log", async () => (await auditLogs()).length === 2);
  await ask();
  expect(auditEntries(await stack.auditLog()).length).toBeGreaterThan(0);
});

test.skipIf(noDisk !== undefined)(
  "a Vault whose audit log has no room answers nothing, which is said, and answers again once there is room",
  async () => {
    disk = await SmallDisk.mount(stack.layout.logs, "2m");
    await stack.up();
    await ask();
    expect(await auditLogProblem(stack.layout)).toBeUndefined();

    await disk.fill();
    expect(await auditLogProblem(stack.layout)).toContain(`the disk of ${stack.layout.logs} is full`);
    await waitFor(
      "the refusal",
      async () => (await ask().catch((error: { code?: string }) => error))?.code !== undefined,
    );
    await expect(ask()).rejects.toMatchObject({
      code: "VAULT_AUDIT_BLOCKED",
      message: expect.stringMatching(/^cannot POST auth\/dayzero\/.*: the disk of .* is full, .*[^.]$/),
      hint: expect.stringContaining("make room"),
    });
    const client = await stack.client();
    expect(await client.health()).toEqual({ initialized: true, sealed: false, standby: false });
    await client.close();

    await disk.makeRoom();
    expect(await auditLogProblem(stack.layout)).toBeUndefined();
    await waitFor("Vault to answer again", async () => {
      await ask();
      return true;
    });
  },
);
