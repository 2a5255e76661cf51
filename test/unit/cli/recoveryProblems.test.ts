import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { recoveryProblems } from "../../../src/cli/status/recoveryProblems.ts";
import { generateIdentity, recipientOf } from "../../../src/credentials/sealing.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { localRecipient } from "../../../src/resources/vault/ageIdentities.ts";
import { writeSealedShares } from "../../../src/resources/vault/SealedShares.ts";
import { localContext } from "../../support/localContext.ts";

describe("recoveryProblems()", () => {
  let layout: StackLayout;

  beforeEach(async () => {
    layout = new StackLayout(await mkdtemp(join(tmpdir(), "dayzero-recovery-")));
  });
  afterEach(() => rm(layout.directory, { recursive: true, force: true }));

  const seal = (recipient: string, localIdentity: boolean) =>
    writeSealedShares(layout, { state: "sealed", threshold: 1, localIdentity, shares: [{ recipient, sealed: "-" }] });

  test("finds nothing lost while the stack's own identity is there, before there is a Vault, and with keys kept elsewhere", async () => {
    const context = localContext(layout.directory);
    expect(await recoveryProblems(layout, context)).toEqual([]);
    await seal(await localRecipient(layout), true);
    expect(await recoveryProblems(layout, context)).toEqual([]);
    await rm(layout.vault("identity.txt"));
    await seal(await recipientOf(await generateIdentity()), false);
    expect(await recoveryProblems(layout, context)).toEqual([]);
  });

  test("names an identity that is missing, of another stack, or damaged", async () => {
    const context = localContext(layout.directory);
    await seal(await localRecipient(layout), true);
    await rm(layout.vault("identity.txt"));
    expect(await recoveryProblems(layout, context)).toEqual([expect.stringMatching(/^vault\/identity.txt is missing/)]);
    await localRecipient(layout);
    expect(await recoveryProblems(layout, context)).toEqual([expect.stringMatching(/is of another stack/)]);
    await writeFile(layout.vault("identity.txt"), "garbage");
    expect(await recoveryProblems(layout, context)).toEqual([expect.stringMatching(/cannot use line 1/)]);
  });
});
