import { expect, test } from "vitest";
import { Secret } from "../../../src/credentials/Secret.ts";
import {
  checkRecipients,
  generateIdentity,
  parseIdentities,
  recipientOf,
  seal,
  unseal,
} from "../../../src/credentials/sealing.ts";

test("seal() lets each recipient alone open it, and shows nothing of the secret", async () => {
  const identities = await Promise.all([generateIdentity(), generateIdentity()]);
  const sealed = await seal(new Secret("canary-value"), await Promise.all(identities.map(recipientOf)));

  expect(sealed).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/);
  expect(sealed).not.toContain("canary-value");
  for (const identity of identities) expect((await unseal(sealed, [identity]))?.reveal()).toBe("canary-value");
});

test("unseal() finds the one identity that fits, and is undefined when none does", async () => {
  const [mine, other] = await Promise.all([generateIdentity(), generateIdentity()]);
  const sealed = await seal(new Secret("canary-value"), [await recipientOf(mine)]);

  expect((await unseal(sealed, [other, mine]))?.reveal()).toBe("canary-value");
  expect(await unseal(sealed, [other])).toBeUndefined();
  expect(await unseal(sealed, [])).toBeUndefined();
});

test("unseal() throws for a file that was cut or changed", async () => {
  const identity = await generateIdentity();
  const sealed = await seal(new Secret("canary-value"), [await recipientOf(identity)]);
  const lines = sealed.split("\n");
  lines[2] = [...(lines[2] ?? "")].reverse().join("");

  for (const broken of [lines.join("\n"), sealed.slice(0, 200), "", "not an age file"]) {
    await expect(unseal(broken, [identity], "x.age")).rejects.toMatchObject({
      code: "SEALED_UNREADABLE",
      message: "cannot read x.age: it is no whole age file",
    });
  }
});

test("unseal() names a damaged identity, and does not quote it", async () => {
  const identity = (await generateIdentity()).reveal();
  const sealed = await seal(new Secret("canary-value"), [await recipientOf(new Secret(identity))]);
  const damaged = identity.slice(0, 40);
  const error = (await unseal(sealed, [new Secret(damaged)], "x.age").catch((error: unknown) => error)) as Error;
  expect(error).toMatchObject({ code: "AGE_IDENTITY_INVALID", message: expect.stringContaining("x.age") });
  expect(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(damaged);
});

test("checkRecipients() names path and value of the one that nothing can be sealed to", async () => {
  const good = await recipientOf(await generateIdentity());
  await checkRecipients([good], "recipients");
  await expect(checkRecipients([good, "age1nonsense"], "config.dayzero:vault.recipients")).rejects.toMatchObject({
    code: "AGE_RECIPIENT_INVALID",
    message: 'cannot seal to config.dayzero:vault.recipients[1]: "age1nonsense" is not an age recipient',
  });
});

test("parseIdentities() takes a file as age-keygen writes it, with several identities", async () => {
  const identities = await Promise.all([generateIdentity(), generateIdentity()]);
  const file = `# created: 2026-01-01\n# public key: age1…\n${identities.map((one) => one.reveal()).join("\n\n")}\r\n`;

  const parsed = parseIdentities(new Secret(file), "key.txt");

  expect(parsed.map((one) => one.reveal())).toEqual(identities.map((one) => one.reveal()));
});

test("parseIdentities() names the line that is none, not what it says", () => {
  const attempt = () => parseIdentities(new Secret("# comment\nssh-secret-canary\n"), "key.txt");
  expect(attempt).toThrow(expect.objectContaining({ code: "AGE_IDENTITY_INVALID" }));
  expect(attempt).toThrow("cannot use line 2 of key.txt as age identity");
});
