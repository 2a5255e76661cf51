import { X509Certificate } from "node:crypto";
import { copyFile, mkdtemp, readdir, readFile, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AuthorityInputs, authorityResource } from "../../../src/resources/local/AuthorityResource.ts";
import { localContext } from "../../support/localContext.ts";

let directory: string;
beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "dz-pki-")));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const DAY_MS = 86_400_000;
const desired = authorityResource.inputs.parse({
  name: "kubernetes",
  leaves: [
    { name: "server", commonName: "a server", usages: ["server"], dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] },
    { name: "person", commonName: "system:someone", organizations: ["system:masters"], usages: ["client"] },
  ],
  signingKeys: ["service-account"],
});

const pki = (file: string) => join(directory, "pki/kubernetes", file);
const certificate = async (file: string) => new X509Certificate(await readFile(pki(file)));

async function converge(inputs: AuthorityInputs, now = new Date()) {
  const ctx = localContext(directory, { now: () => now });
  const changes = authorityResource.plan(await authorityResource.read(inputs.name, ctx), inputs);
  return { changes, live: await authorityResource.apply(changes, inputs, ctx) };
}

test("authorityResource, makes leaves that say what was declared and that its CA has signed", async () => {
  const { live } = await converge(desired);
  const [ca, server, person] = await Promise.all([
    certificate("ca.crt"),
    certificate("server.crt"),
    certificate("person.crt"),
  ]);
  expect(live.ca).toBe(await readFile(pki("ca.crt"), "utf8"));
  expect(ca.ca).toBe(true);
  expect(server.verify(ca.publicKey)).toBe(true);
  expect(server.ca).toBe(false);
  expect(server.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(server.checkHost("localhost")).toBe("localhost");
  expect(server.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  expect(person.subject).toBe("O=system:masters\nCN=system:someone");
  expect(person.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
  expect(server.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  expect(server.validToDate.getTime() - Date.now()).toBeLessThan(366 * DAY_MS);
});

test("authorityResource, keeps every key to its owner", async () => {
  await converge(desired);
  const files = await readdir(pki(""));
  expect(files.sort()).toEqual(
    ["ca", "person", "server"]
      .flatMap((name) => [`${name}.crt`, `${name}.key`])
      .concat("service-account.key", "service-account.pub"),
  );
  for (const file of files) expect((await stat(pki(file))).mode & 0o777).toBe(0o600);
  expect((await stat(pki(""))).mode & 0o777).toBe(0o700);
});

test("authorityResource, has nothing to do the second time", async () => {
  const { live } = await converge(desired);
  const again = await converge(desired);
  expect(again.changes).toEqual([]);
  expect(again.live).toEqual(live);
});

test("authorityResource, renews a leaf when a third of its life remains, and only then", async () => {
  const { live: first } = await converge(desired);
  const early = await converge(desired, new Date(Date.now() + 240 * DAY_MS));
  expect(early.changes).toEqual([]);
  const late = await converge(desired, new Date(Date.now() + 250 * DAY_MS));
  expect(late.changes.map((change) => change.path)).toEqual(["leaves.server", "leaves.person"]);
  expect(late.live.certificateDigests.server).not.toBe(first.certificateDigests.server);
  expect(late.live.caFingerprint).toBe(first.caFingerprint);
  expect((await converge(desired, new Date(Date.now() + 250 * DAY_MS))).changes).toEqual([]);
});

test("authorityResource, makes a leaf again whose key a crash had already replaced", async () => {
  const { live: first } = await converge(desired);
  await copyFile(pki("person.key"), pki("server.key"));
  const { changes, live } = await converge(desired);
  expect(changes.map((change) => change.path)).toEqual(["leaves.server"]);
  expect(live.certificateDigests.person).toBe(first.certificateDigests.person);
  expect((await authorityResource.read("kubernetes", localContext(directory)))?.leaves).toHaveLength(2);
});

test("authorityResource, starts anew from a CA key that a crash left without its certificate", async () => {
  await converge(desired);
  await rm(pki("ca.crt"));
  const { changes, live } = await converge(desired);
  expect(changes).toEqual([{ action: "create", path: "" }]);
  const ca = await certificate("ca.crt");
  expect((await certificate("server.crt")).verify(ca.publicKey)).toBe(true);
  expect(Object.keys(live.certificateDigests).sort()).toEqual(["person", "server"]);
});

test("authorityResource, keeps a signing key whose public half is missing", async () => {
  await converge(desired);
  const key = await readFile(pki("service-account.key"), "utf8");
  const half = await readFile(pki("service-account.pub"), "utf8");
  await rm(pki("service-account.pub"));
  expect((await converge(desired)).changes.map((change) => change.path)).toEqual(["signingKeys.service-account"]);
  expect(await readFile(pki("service-account.key"), "utf8")).toBe(key);
  expect(await readFile(pki("service-account.pub"), "utf8")).toBe(half);
});

test("authorityResource, refuses a CA whose key does not fit", async () => {
  await converge(desired);
  await copyFile(pki("person.key"), pki("ca.key"));
  await expect(authorityResource.read("kubernetes", localContext(directory))).rejects.toMatchObject({
    code: "AUTHORITY_BROKEN",
  });
});

test("authorityResource, makes again what is declared otherwise, and removes what is declared no more", async () => {
  await converge(desired);
  const changed = {
    ...desired,
    leaves: desired.leaves.slice(0, 1).map((leaf) => ({ ...leaf, ipAddresses: ["127.0.0.2"] })),
  };
  const { changes, live } = await converge(changed);
  expect(changes.map((change) => change.path)).toEqual(["leaves.server", "leaves.person"]);
  expect(live.leaves.map((leaf) => leaf.ipAddresses)).toEqual([["127.0.0.2"]]);
  expect(await readdir(pki(""))).not.toContain("person.key");
});

test("authorityResource, removes a signing key that is declared no more, and what a crash left half made", async () => {
  await converge(desired);
  await rm(pki("person.crt"));
  const { changes } = await converge({ ...desired, leaves: desired.leaves.slice(0, 1), signingKeys: ["next"] });
  expect(changes.map(({ path, after }) => `${path} ${after ?? ""}`)).toEqual([
    "leaves.person absent",
    "signingKeys.service-account absent",
    "signingKeys.next ",
  ]);
  expect((await readdir(pki(""))).sort()).toEqual(
    ["ca.crt", "ca.key", "next.key", "next.pub"].concat("server.crt", "server.key"),
  );
});

test("authorityResource, refuses two keys of one name, with the path", () => {
  const [leaf] = desired.leaves;
  const { error } = authorityResource.inputs.safeParse({
    ...desired,
    leaves: [...desired.leaves, leaf],
    signingKeys: ["other", "person"],
  });
  expect(error?.issues.map(({ path }) => path.join("."))).toEqual(["leaves.2.name", "signingKeys.1"]);
});

test("authorityResource, names every key in the ledger and tells none of them", async () => {
  const { live } = await converge(desired);
  const ledger = authorityResource.ledger?.("kubernetes", live) ?? [];
  expect(ledger.map((entry) => entry.where).sort()).toEqual([
    "pki/kubernetes/ca.key",
    "pki/kubernetes/person.key",
    "pki/kubernetes/server.key",
    "pki/kubernetes/service-account.key",
  ]);
  expect(ledger.every((entry) => entry.residual && entry.reason !== undefined)).toBe(true);
  expect(JSON.stringify(live)).not.toContain("PRIVATE KEY");
});
