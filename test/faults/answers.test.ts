import { existsSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { repositoryRenewal } from "../../src/daemons/renewer/repositoryRenewal.ts";
import { oidcRoleName } from "../../src/manifests/vault/trustNames.ts";
import type { Call, Fault } from "../support/Shim.ts";
import { waitFor } from "../support/waitFor.ts";
import { ExistingPlatform, REPOSITORY_SECRET } from "./ExistingPlatform.ts";

type Server = "cluster" | "vault" | "git";

const NAME = "answers";
const CANARY = "CANARY-of-an-answer-that-nobody-may-quote";
const FAKETIME = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
  .map((folder) => `${folder}/faketime/libfaketime.so.1`)
  .find((library) => existsSync(library));

let platform: ExistingPlatform;
let whole: string[];

beforeAll(async () => {
  platform = await ExistingPlatform.create(inject("tools"), NAME);
  const [up] = await Promise.all([platform.run("up"), platform.runArgoCd()]);
  expect(up.code, up.stderr).toBe(0);
  whole = await platform.inventory();
}, 400_000);

afterAll(() => platform?.dispose());

afterEach(() => {
  for (const shim of platform.shims) shim.reset();
});

/** Takes the Git credential away: `up` then logs in to Vault, mints one, proves it and writes it, and so asks all three servers. */
async function loseCredential(): Promise<void> {
  await platform.client.delete(REPOSITORY_SECRET);
}

/** Has a server do this to the first so many calls that match; returns those that it was done to. */
function faulty(at: Server, match: RegExp, fault: (call: Call) => Fault, times = Number.POSITIVE_INFINITY): Call[] {
  const hit: Call[] = [];
  platform[at].plan = (call) => {
    const ours = !String(call.from["user-agent"]).startsWith("git/");
    if (!ours || hit.length >= times || !match.test(`${call.method} ${call.path}`)) return undefined;
    hit.push(call);
    return fault(call);
  };
  return hit;
}

interface Failure {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string };
}

async function failure(): Promise<Failure["error"]> {
  const up = await platform.run("up", "--json");
  expect(up.code, `${up.stdout} ${up.stderr}`).toBe(1);
  expect(`${up.stdout} ${up.stderr}`).not.toContain(CANARY);
  expect(`${up.stdout} ${up.stderr}`).not.toMatch(/^\s+at /m);
  return (JSON.parse(up.stdout) as Failure).error;
}

async function expectConverged(): Promise<void> {
  for (const shim of platform.shims) shim.reset();
  const up = await platform.run("up");
  expect(up.code, up.stderr).toBe(0);
  expect(await platform.inventory()).toEqual(whole);
}

const LOGIN = /^POST .*\/login$/;
const WRITE = /^POST .*\/namespaces\/argocd\/secrets/;
const PROBE = /^GET .*\/info\/refs/;
const ANY = /./;
const answer = (status: number, headers: Record<string, string> = {}, body = ""): Fault => ({
  kind: "answer",
  status,
  headers,
  body,
});

describe("up goes on", () => {
  test.each<[string, Server, RegExp]>([
    ["the cluster", "cluster", WRITE],
    ["Vault", "vault", LOGIN],
    ["the Git server", "git", PROBE],
  ])("when %s turns a request away for two seconds, and not before they are over", async (_, at, match) => {
    await loseCredential();
    const [turnedAway] = await withHits(faulty(at, match, () => answer(429, { "retry-after": "2" }), 1));
    const next = platform[at].calls.find(
      (call) => call.at > turnedAway.at && match.test(`${call.method} ${call.path}`),
    );
    expect((next?.at ?? 0) - turnedAway.at).toBeGreaterThanOrEqual(2_000);
  });

  test.each<[string, Server, RegExp]>([
    ["the cluster", "cluster", WRITE],
    ["Vault", "vault", LOGIN],
    ["the Git server", "git", PROBE],
  ])("when %s is slow: its answer begins late and comes in drips", async (_, at, match) => {
    await loseCredential();
    await withHits(faulty(at, match, () => ({ kind: "slow", firstByteMs: 2_500, byteMs: 1 }), 2));
  });

  /** Runs `up` to its end, and returns what the fault was done to. */
  async function withHits(hits: Call[]): Promise<[Call, ...Call[]]> {
    const up = await platform.run("up");
    expect(up.code, up.stderr).toBe(0);
    expect(await platform.inventory()).toEqual(whole);
    const [first, ...rest] = hits;
    if (first === undefined) throw new Error("the fault never happened");
    return [first, ...rest];
  }
});

describe("up ends in one clear error, and the next one converges", () => {
  test.each<[string, Server, RegExp, Fault, { code: string; message: RegExp }]>([
    [
      "the cluster wants an hour",
      "cluster",
      WRITE,
      answer(429, { "retry-after": "3600" }),
      { code: "KUBERNETES_FAILED", message: /429/ },
    ],
    [
      "Vault wants an hour",
      "vault",
      LOGIN,
      answer(429, { "retry-after": "3600" }),
      { code: "VAULT_LOGIN_FAILED", message: /429/ },
    ],
    [
      "the Git server wants an hour",
      "git",
      PROBE,
      answer(429, { "retry-after": "3600" }),
      { code: "FORGE_UNREACHABLE", message: /status 429/ },
    ],
    ["the cluster is broken", "cluster", ANY, answer(503), { code: "CLUSTER_UNREACHABLE", message: /503/ }],
    [
      "another program answers for the cluster",
      "cluster",
      ANY,
      answer(200, {}, `<html>${CANARY}</html>`),
      { code: "CLUSTER_UNREACHABLE", message: /Unreachable/ },
    ],
    [
      "another program answers for Vault",
      "vault",
      ANY,
      answer(200, {}, `<html>${CANARY}</html>`),
      { code: "VAULT_LOGIN_FAILED", message: /not JSON/ },
    ],
    [
      "another program answers for the Git server",
      "git",
      PROBE,
      answer(200, {}, "<html></html>"),
      { code: "CREDENTIAL_REFUSED", message: /status 200/ },
    ],
    [
      "the cluster takes no writes",
      "cluster",
      WRITE,
      answer(500, {}, JSON.stringify({ message: CANARY })),
      { code: "KUBERNETES_FAILED", message: /500/ },
    ],
    ["Vault is broken", "vault", ANY, answer(503), { code: "VAULT_LOGIN_FAILED", message: /503/ }],
    ["Vault mints nothing", "vault", /oidc\/token/, answer(500), { code: "VAULT_FAILED", message: /500/ }],
    ["the Git server is broken", "git", PROBE, answer(502), { code: "FORGE_UNREACHABLE", message: /status 502/ }],
    [
      "the cluster resets connections",
      "cluster",
      ANY,
      { kind: "before" },
      { code: "CLUSTER_UNREACHABLE", message: /ECONNRESET/ },
    ],
    [
      "Vault resets connections",
      "vault",
      ANY,
      { kind: "before" },
      { code: "VAULT_UNREACHABLE", message: /ECONNRESET/ },
    ],
    [
      "the Git server resets connections",
      "git",
      PROBE,
      { kind: "before" },
      { code: "FORGE_UNREACHABLE", message: /ECONNRESET/ },
    ],
    [
      "the cluster's answers are torn",
      "cluster",
      /\/secrets\/repo-fleet/,
      { kind: "torn" },
      { code: "CLUSTER_UNREACHABLE", message: /ECONNRESET/ },
    ],
    [
      "Vault's answers are torn",
      "vault",
      /oidc\/token/,
      { kind: "torn" },
      { code: "VAULT_UNREACHABLE", message: /ECONNRESET/ },
    ],
    [
      "Vault keeps silent",
      "vault",
      /^GET .*sys\/auth$/,
      { kind: "slow", firstByteMs: 6_000, byteMs: 0 },
      { code: "VAULT_UNREACHABLE", message: /sys\/auth .*Timeout/ },
    ],
  ])("when %s", async (_, at, match, fault, { code, message }) => {
    await loseCredential();
    const hits = faulty(at, match, () => fault);
    const error = await failure();
    expect(hits.length, "the fault happened").toBeGreaterThan(0);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.any(String) });
    expect(error.hint).not.toMatch(/defect/);
    if (fault.kind === "answer" && fault.status === 429) expect(hits).toHaveLength(1);
    await expectConverged();
  });
});

describe("a certificate that was changed", () => {
  test.each<[string, Server, string, RegExp]>([
    ["the Git server", "git", "FORGE_CERTIFICATE_REFUSED", /dayzero:repository\.ca/],
    ["Vault", "vault", "VAULT_UNREACHABLE", /dayzero:vault\.ca/],
    ["the cluster", "cluster", "CLUSTER_UNREACHABLE", /certificate/],
  ])("of %s is refused before anything is said to it, and all is well when it is back", async (_, at, code, hint) => {
    await loseCredential();
    const back = await platform[at].changeCertificate();
    const calls = platform[at].calls.length;
    const error = await failure().finally(back);
    expect(error).toMatchObject({ code, message: expect.stringMatching(/certificate|UNABLE_TO_VERIFY/) });
    expect(error.hint).toMatch(hint);
    expect(platform[at].calls.slice(calls)).toEqual([]);
    await expectConverged();
  });
});

describe("a clock that is ten minutes off", () => {
  test.each([
    ["in the future", { issuedAt: new Date(Date.now() + 600_000) }],
    ["in the past", { issuedAt: new Date(Date.now() - 900_000), seconds: 300 }],
  ])("of who made CI's token, which says so: its times lie %s", async (_, times) => {
    await platform.writeCiToken(times);
    const error = await failure().finally(() => platform.writeCiToken());
    expect(error).toMatchObject({
      code: "VAULT_LOGIN_FAILED",
      message: expect.stringMatching(/expired|not before|nbf|iat/),
    });
    expect(error.hint).toMatch(/clock/);
    await expectConverged();
  });

  test("of a cluster that refuses who comes: the difference is told", async () => {
    const date = new Date(Date.now() - 600_000).toUTCString();
    const hits = faulty("cluster", ANY, () => answer(401, { date }));
    expect(await failure()).toMatchObject({
      code: "CLUSTER_REFUSED",
      message: expect.stringMatching(/the clock of this machine is (600|60\d) s ahead of the server's/),
    });
    expect(hits.length).toBeGreaterThan(0);
    await expectConverged();
  });

  if (FAKETIME === undefined) process.stderr.write("no libfaketime here: `up` under another clock is not tested\n");

  test.skipIf(FAKETIME === undefined).each(["+10m", "-10m"])(
    "of this machine (%s): up says so and ends, with a credential that is good",
    async (off) => {
      await loseCredential();
      Object.assign(platform.stack.environment, {
        LD_PRELOAD: FAKETIME,
        FAKETIME: off,
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      });
      try {
        expect(await failure()).toMatchObject({
          code: "CLOCK_OFF",
          message: expect.stringMatching(off === "+10m" ? /s ahead of/ : /s behind/),
          hint: expect.stringContaining("NTP"),
        });
      } finally {
        for (const name of ["LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC"]) {
          delete platform.stack.environment[name];
        }
      }
      const minted = await platform.client.get(REPOSITORY_SECRET);
      expect(minted).toBeDefined();
      await expectConverged();
      expect((await platform.client.get(REPOSITORY_SECRET))?.metadata.uid).toBe(minted?.metadata.uid);
    },
  );
});

test("the renewer waits out a Vault that is broken for a while: the credential stays, and is renewed when Vault is back", async () => {
  const end = new AbortController();
  const account = { namespace: "dayzero-system", name: `git-reader-${NAME}`, expirationSeconds: 600 };
  const [mount = ""] = Object.keys((await (await platform.owner()).read<object>("sys/auth")) ?? {})
    .filter((path) => path.startsWith(`dayzero/${NAME}/`))
    .map((path) => path.replace(/\/$/, ""));
  const before = await platform.client.get(REPOSITORY_SECRET);
  const { renewal, close } = repositoryRenewal({
    kubernetes: platform.client,
    config: {
      vaultAddress: platform.vault.url,
      mount,
      repository: "fleet",
      url: `${platform.git.url}/fleet.git`,
      oidcRole: oidcRoleName(NAME, "fleet"),
      namespace: "argocd",
    },
    vaultCa: platform.vault.ca,
    gitCa: platform.git.ca,
    identity: async () => (await platform.client.serviceAccountToken({ ...account, audiences: ["vault"] })).token,
    writer: "a-test",
    signal: end.signal,
    log: () => undefined,
  });
  const hits = faulty("vault", ANY, () => answer(503));
  const running = renewal.run(end.signal);
  // After half a second, one, two and four.
  await waitFor("five attempts", () => renewal.status().failures >= 5, 60);
  expect(hits.length).toBeGreaterThanOrEqual(5);
  expect(renewal.status().lastError).toMatch(/vault answered 503/);
  expect((await platform.client.get(REPOSITORY_SECRET))?.metadata.resourceVersion).toBe(
    before?.metadata.resourceVersion,
  );
  platform.vault.reset();
  await waitFor("the renewal", () => renewal.status().renewedAt !== null, 60);
  expect(renewal.status()).toMatchObject({ failures: 0, lastError: null });
  end.abort();
  await running;
  await close();
  await expectConverged();
});

test("nothing is left to do after all of it, and no credential stands in clear", async () => {
  expect(await platform.changes()).toEqual([]);
  expect(await platform.leaks()).toEqual([]);
});
