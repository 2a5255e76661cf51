import { expect, test } from "vitest";
import { DayzeroError } from "../../../src/config/DayzeroError.ts";
import { Secret } from "../../../src/credentials/Secret.ts";
import type { Issuer } from "../../../src/issuers/Issuer.ts";
import { issueProved } from "../../../src/issuers/issueProved.ts";

function issuer(answers: (DayzeroError | "accepted")[]): Issuer & { issued: number; probed: number } {
  const made = {
    name: "test",
    issued: 0,
    probed: 0,
    async issue() {
      made.issued++;
      const now = new Date();
      return { username: "oidc", password: new Secret("x"), issuedAt: now, expiresAt: now, fingerprint: "f" };
    },
    async probe() {
      const answer = answers[made.probed++];
      if (answer instanceof DayzeroError) throw answer;
    },
  };
  return made;
}

const never = new AbortController().signal;

test("issueProved() gives the forge a moment to know the new credential", async () => {
  const slow = issuer([new DayzeroError("CREDENTIAL_REFUSED", "not known yet", { hint: "wait" }), "accepted"]);
  expect((await issueProved(slow, never)).fingerprint).toBe("f");
  expect([slow.issued, slow.probed]).toEqual([1, 2]);
});

test("issueProved() does not hide a forge that does not answer", async () => {
  const gone = issuer([new DayzeroError("FORGE_UNREACHABLE", "connection refused", { hint: "start it" })]);
  await expect(issueProved(gone, never)).rejects.toMatchObject({ code: "FORGE_UNREACHABLE" });
  expect(gone.probed).toBe(1);
});
