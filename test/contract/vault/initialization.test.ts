import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterEach, expect, inject, test } from "vitest";
import type { Secret } from "../../../src/credentials/Secret.ts";
import { generateIdentity, recipientOf } from "../../../src/credentials/sealing.ts";
import { isAlive } from "../../../src/machine/DetachedProcess.ts";
import { processStartTime } from "../../../src/machine/processIdentity.ts";
import { readSealedShares, writeSealedShares } from "../../../src/resources/vault/SealedShares.ts";
import { TokenIssuer } from "./TokenIssuer.ts";
import { VaultStack, type VaultStackPlan } from "./VaultStack.ts";

const bao = inject("tools").bao as string;
const stacks: VaultStack[] = [];

afterEach(async () => {
  await Promise.all(stacks.splice(0).map((stack) => stack.down()));
});

async function newStack(shares: Partial<VaultStackPlan> = {}): Promise<VaultStack> {
  const stack = await VaultStack.create(bao, new TokenIssuer(), shares);
  stacks.push(stack);
  return stack;
}

/** The stack after a crash of the machine as far as Vault is concerned: its process is gone. */
async function killServer(stack: VaultStack): Promise<void> {
  const pid = await stack.pid();
  const startTime = (await processStartTime(pid)) ?? "";
  process.kill(pid, "SIGKILL");
  await expect.poll(() => isAlive({ pid, startTime })).toBe(false);
}

/** Whether the run came to its end before the event at which it was to die. */
async function mortalRun(stack: VaultStack, from: "initialization" | "trust", dieAt: number): Promise<boolean> {
  const script = fileURLToPath(new URL("mortalRun.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "inherit", "inherit"] });
  const { generation, privateKey } = stack.issuer;
  child.stdin.end(JSON.stringify({ plan: stack.plan, issuer: { generation, privateKey }, from, dieAt }));
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  if (code === 0) return true;
  expect(signal).toBe("SIGKILL");
  return false;
}

async function expectUsable(stack: VaultStack): Promise<void> {
  const vault = await stack.context.vault();
  expect(await vault.health()).toEqual({ initialized: true, sealed: false, standby: false });
  expect(await vault.list(`auth/${stack.mount}/role`)).toEqual(["git-reader", "operator"]);
  const self = await vault.read<{ policies: string[] }>("auth/token/lookup-self");
  expect(self?.policies).toEqual(["dayzero.local.operator"]);
  expect([...(await stack.files()).keys()].filter((path) => path.includes("root-token"))).toEqual([]);
}

test("initializationResource unseals a Vault that was killed, from the local identity, and asks for nothing", async () => {
  const stack = await newStack();
  await stack.up();
  await killServer(stack);

  await stack.up();

  expect([...stack.changed.values()].flat()).toEqual([
    { action: "create", path: "" },
    { action: "update", path: "sealed", before: "true", after: "false" },
  ]);
  await expectUsable(stack);
});

test("initializationResource needs no identity to initialize, and lets k people unseal one after the other", async () => {
  const identities = await Promise.all([generateIdentity(), generateIdentity(), generateIdentity()]);
  const recipients = await Promise.all(identities.map(recipientOf));
  const stack = await newStack({ recipients, shares: 3, threshold: 2 });
  const person = (index: number): Record<string, Secret> => ({ "age-identity": identities[index] as Secret });
  await stack.up();
  await killServer(stack);

  await expect(stack.up()).rejects.toMatchObject({
    code: "VAULT_SEALED",
    message: expect.stringMatching(/0 of 2 shares given, the identities at hand open 0 of 3/),
  });
  await expect(stack.up(person(0))).rejects.toMatchObject({
    code: "VAULT_SEALED",
    message: expect.stringMatching(/1 of 2 shares given/),
    hint: expect.stringContaining("--identity FILE"),
  });
  await stack.up(person(2));

  await expectUsable(stack);
});

test("initializationResource begins anew where others had given a wrong share", async () => {
  const stack = await newStack({ shares: 3, threshold: 2 });
  await stack.up();
  await killServer(stack);
  await stack.server();
  const client = await stack.client();
  await client.write("sys/unseal", { key: Buffer.alloc(33, 7).toString("base64") });
  expect(await client.read("sys/seal-status")).toMatchObject({ sealed: true, progress: 1 });

  await stack.up();

  await expectUsable(stack);
});

test("initializationResource refuses a recipient whose checksum is wrong, before Vault is initialized", async () => {
  const recipient = (await recipientOf(await generateIdentity())).replace(/.$/, (last) => (last === "q" ? "p" : "q"));
  const stack = await newStack({ recipients: [recipient] });

  await expect(stack.up()).rejects.toMatchObject({
    code: "AGE_RECIPIENT_INVALID",
    message: `cannot seal to recipients[0]: "${recipient}" is not an age recipient`,
  });

  expect(await (await stack.client()).health()).toMatchObject({ initialized: false });
});

test("initializationResource refuses a Vault that was initialized by others", async () => {
  const stack = await newStack();
  await stack.server();
  const client = await stack.client();
  await client.write("sys/init", { secret_shares: 1, secret_threshold: 1 });

  await expect(stack.up()).rejects.toMatchObject({ code: "VAULT_INITIALIZED_BY_OTHERS" });

  expect(await client.health()).toMatchObject({ initialized: true });
});

test("initializationResource refuses an empty Vault while it holds the shares of another", async () => {
  const stack = await newStack();
  await stack.up();
  await killServer(stack);
  await rm(stack.layout.data("vault"), { recursive: true });
  const shares = await readFile(stack.layout.vault("shares.age.json"), "utf8");

  await expect(stack.up()).rejects.toMatchObject({ code: "VAULT_DATA_MISSING" });

  expect(await readFile(stack.layout.vault("shares.age.json"), "utf8")).toBe(shares);
});

test("storageResource begins anew where Vault's answer to the initialization was lost", async () => {
  const stack = await newStack();
  await stack.server();
  await writeSealedShares(stack.layout, { state: "initializing" });
  await writeFile(stack.layout.vault("root-token.age"), "left over");
  const client = await stack.client();
  await client.write("sys/init", { secret_shares: 1, secret_threshold: 1 });
  await expect(stack.initialization()).rejects.toMatchObject({ code: "VAULT_INIT_LOST" });
  const pid = await stack.pid();

  await stack.up();

  expect(await stack.pid()).not.toBe(pid);
  await expectUsable(stack);
});

test("initializationResource converges after SIGKILL at each request, answer and file from the marker to the unsealing", async () => {
  const kept: (string | undefined)[] = [];
  const round = async (dieAt: number): Promise<void> => {
    const stack = await newStack();
    await stack.server();
    expect(await mortalRun(stack, "initialization", dieAt)).toBe(false);
    kept[dieAt] = (await readSealedShares(stack.layout))?.state;
    await stack.up();
    await expectUsable(stack);
    await stack.down();
  };
  for (const batch of [
    [5, 6, 7, 8, 9],
    [10, 11, 12, 13, 14],
  ]) {
    await Promise.all(batch.map(round));
  }
  expect(kept.slice(5)).toEqual([undefined, ...Array(4).fill("initializing"), ...Array(5).fill("sealed")]);
}, 180_000);

test("rootTokenResource and the trust converge after SIGKILL at every third request and answer", async (context) => {
  const stack = await newStack();
  await stack.server();
  await stack.initialization();
  let dieAt = 1;
  while (!(await mortalRun(stack, "trust", dieAt))) dieAt += 3;

  await context.annotate(`${(dieAt - 1) / 3} kills`);
  expect(dieAt).toBeGreaterThan(30);
  await stack.up();
  expect(stack.changed.size).toBe(0);
  await expectUsable(stack);
}, 180_000);
