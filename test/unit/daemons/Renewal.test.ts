import { expect, test } from "vitest";
import { Renewal } from "../../../src/daemons/renewer/Renewal.ts";
import { waitFor } from "../../support/waitFor.ts";

test("Renewal.run() goes on when what is told after a turn cannot be written", async () => {
  const end = new AbortController();
  const logged: unknown[] = [];
  const now = new Date();
  const times = { issuedAt: now, expiresAt: new Date(now.getTime() + 600_000), fingerprint: "f", writer: "" };
  const renewal = new Renewal({
    look: async () => times,
    renew: async () => times,
    now: () => now,
    log: (entry) => {
      logged.push(entry);
      end.abort();
    },
    onTurn: () => Promise.reject(new Error("no space left on device")),
  });
  await renewal.run(end.signal);
  expect(logged).toEqual([{ event: "turn-failed", error: "no space left on device" }]);
});

test.each([600, -600])(
  "Renewal.run() with a clock %i s off says so, keeps a fresh credential there, and does not hurry",
  async (off) => {
    const end = new AbortController();
    const logged: { event?: string; error?: string }[] = [];
    // The issuer's clock is this machine's.
    let skew = off * 1000;
    let renewed = 0;
    const fresh = () => {
      const issuedAt = new Date();
      return { issuedAt, expiresAt: new Date(issuedAt.getTime() + 600_000), fingerprint: `${renewed}`, writer: "" };
    };
    let inPlace = fresh();
    const renewal = new Renewal({
      look: async () => inPlace,
      renew: async () => {
        renewed++;
        inPlace = fresh();
        return inPlace;
      },
      now: () => new Date(Date.now() + skew),
      log: (entry) => logged.push(entry),
    });
    const running = renewal.run(end.signal);
    const took = await waitFor("three attempts", () => renewal.status().failures >= 3);
    expect(renewal.status().lastError).toMatch(/^CLOCK_OFF: .* 600 s (ahead of|behind)/);
    // The pauses grow: half a second, then a whole one.
    expect(took).toBeGreaterThan(1_400);
    skew = 0;
    await waitFor("the failure to be over", () => renewal.status().failures === 0);
    expect(renewal.status()).toMatchObject({ lastError: null, fingerprint: inPlace.fingerprint });
    end.abort();
    await running;
  },
);
