import { expect, test } from "vitest";
import { Renewal } from "../../../src/daemons/renewer/Renewal.ts";

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
