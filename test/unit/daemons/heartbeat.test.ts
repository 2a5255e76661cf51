import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkHeartbeat, writeHeartbeat } from "../../../src/daemons/agent/heartbeat.ts";

test("checkHeartbeat() takes a file in pieces for no heartbeat", async () => {
  const folder = await mkdtemp(join(tmpdir(), "heartbeat-"));
  try {
    const [path, now] = [join(folder, "heartbeat.json"), new Date()];
    const nothing = { nextRenewal: null, fingerprint: null, failures: 0, lastError: null, lastErrorAt: null };
    await writeHeartbeat(path, { ...nothing, expiresAt: null, renewedAt: null }, now);
    await checkHeartbeat(path, "alive", now);
    await truncate(path, 12);
    await expect(checkHeartbeat(path, "alive", now)).rejects.toMatchObject({ code: "AGENT_NOT_ALIVE" });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
