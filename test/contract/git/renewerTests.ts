import { beforeEach, expect, test } from "vitest";
import { DelayedAnswers } from "../../support/DelayedAnswers.ts";
import { waitFor } from "../../support/waitFor.ts";
import { type Platform, SECRET } from "./Platform.ts";

interface Renewed {
  readonly event: string;
  readonly fingerprint: string;
  readonly expiresAt: string;
}

/** Any JWT: the identities that the renewer presents, and the credentials that it gets for them. */
const TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]*/;

export function renewerTests(running: () => Platform): void {
  const status = async () => (await running().askRenewer("GET", "/status")).body;
  const renewals = async () =>
    (await running().renewerLog())
      .split("\n")
      .filter((line) => line.includes('"renewed"'))
      .map((line) => JSON.parse(line) as Renewed);

  beforeEach(async () => {
    await running().kill("renewer");
    await running().renew();
  });

  test("renews at two thirds of life, counts the epoch up, tells when it will again, and logs no token", async () => {
    const platform = running();
    const restore = await platform.changeRole({ ttl: 3 });
    try {
      await platform.overwrite("stale");
      const { epoch } = await platform.inPlace();
      await platform.restartRenewer();
      await waitFor("two renewals", async () => (await renewals()).length >= 2, 15);
      const { epoch: reached } = await platform.inPlace();
      expect(reached).toBeGreaterThanOrEqual(epoch + 2);
    } finally {
      await restore();
    }
    const ends = (await renewals()).map(({ expiresAt }) => Date.parse(expiresAt));
    for (const [index, end] of ends.slice(1).entries()) expect(end - (ends[index] ?? 0)).toBeGreaterThanOrEqual(2_000);

    const body = await status();
    expect(body).toMatchObject({ failures: 0, lastError: null, fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(Date.parse(String(body.nextRenewal))).toBeLessThan(Date.parse(String(body.expiresAt)));
    const log = await platform.renewerLog();
    expect(await platform.passwordInPlace()).toMatch(TOKEN);
    expect(log).not.toMatch(TOKEN);
    expect(log).toContain(String(body.fingerprint));
  });

  test("writes only over what it has read, tells when others write without end, and goes on after them", async () => {
    const platform = running();
    await platform.overwrite("stale");
    const { epoch } = await platform.inPlace();
    const writes = async () =>
      (await platform.requestsOfReader("secrets"))
        .filter(({ verb }) => verb === "update")
        .map(({ responseStatus }) => responseStatus?.code);
    const before = (await writes()).length;
    let busy = true;
    let turn = 0;
    const proxy = await DelayedAnswers.start(Number(new URL(platform.kubernetes.server).port), async () => {
      const annotations = { "test/turn": String(++turn) };
      if (busy) await platform.kubernetes.mergePatch(SECRET, { metadata: { annotations } });
    });
    const restore = await platform.configureRenewer({ server: `https://127.0.0.1:${proxy.port}` });
    try {
      await platform.restartRenewer();
      await waitFor("a failure", async () => /^CREDENTIAL_SWAP_CONTENDED/.test(String((await status()).lastError)));
      await waitFor("five conflicts", async () => (await writes()).length >= before + 5);
      expect(new Set((await writes()).slice(before))).toEqual(new Set([409]));
      busy = false;
      await waitFor("the renewal", async () => (await platform.inPlace()).epoch === epoch + 1);
      await waitFor("the status", async () => (await status()).lastError === null);
    } finally {
      busy = false;
      await restore();
      await proxy.stop();
    }
  });

  test.each([
    { name: "vault", error: /^VAULT_UNREACHABLE: .*ECONNREFUSED/ },
    { name: "kube-apiserver", error: /ConnectionRefused/ },
  ] as const)("waits out an outage: $name", async ({ name, error }) => {
    const platform = running();
    await platform.overwrite("stale");
    const { epoch } = await platform.inPlace();
    const start = await platform.kill(name);
    await platform.restartRenewer();
    await waitFor("a failure", async () => Number((await status()).failures) >= 1);
    expect((await status()).lastError).toMatch(error);
    if (name === "kube-apiserver") {
      expect(await platform.askRenewer("POST", "/refresh")).toMatchObject({ status: 503, body: { error } });
    }

    await start();
    if (name === "vault") {
      await waitFor("a failure at the sealed Vault", async () =>
        /answered 503/.test(String((await status()).lastError)),
      );
      await platform.unsealVault();
    }

    await waitFor("the renewal", async () => (await platform.inPlace()).epoch === epoch + 1);
    await waitFor("the status", async () => (await status()).lastError === null);
    expect(await platform.renewerLog()).not.toMatch(TOKEN);
  });

  test("waits out an identity broker that is gone and a Secret that was deleted, telling each", async () => {
    const platform = running();
    await platform.kubernetes.delete(SECRET);
    const start = await platform.kill("identity-broker");
    await platform.restartRenewer();
    const failure = async () => String((await status()).lastError);
    await waitFor("a failure", async () => /^IDENTITY_BROKER_FAILED: .*does not answer/.test(await failure()));
    await start();
    await waitFor("another failure", async () => /^REPOSITORY_SECRET_MISSING/.test(await failure()));

    const { live } = await platform.renew();

    await waitFor("the status", async () => (await status()).fingerprint === live.fingerprint);
    expect(await status()).toMatchObject({ failures: 0, lastError: null });
    expect(await platform.inPlace()).toMatchObject({ epoch: 1, fingerprint: live.fingerprint });
    expect((await platform.askRenewer("GET", "/elsewhere")).status).toBe(404);
  });
}
