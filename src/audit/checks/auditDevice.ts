import { randomBytes } from "node:crypto";
import { open, readFile, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { nameInVault } from "../../manifests/vault/trustNames.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import type { Subject } from "../Subject.ts";

/** Vault writes before it answers; a log that is moved by a rotation takes a moment. */
const WRITTEN_WITHIN_MS = 1_000;
const POLL_MS = 50;

/**
 * A request that names something unique must be in the log. Where the log is out of reach it counts that Vault answers at all: it
 * refuses every request that none of its devices has taken.
 *
 * Sources: https://openbao.org/docs/audit/ (blocked devices) and https://openbao.org/docs/configuration/audit/.
 */
export const auditDevice: Check = {
  id: "audit-device",
  promise: "an audit device of Vault is declared and on, and takes every request",
  remedy:
    "run `dayzero up`, which declares it in the server's configuration; of a Vault of your own, declare one and reload it",

  async look(subject) {
    const { context } = subject;
    const evidence = new Evidence();
    const vault = await evidence.look("Vault", "a login", () => context.vault());
    if (vault === undefined) return evidence.finding;
    const devices = await evidence.look("audit devices", "read and sudo on sys/audit", async () =>
      vault.read<Record<string, { type: string; options?: { file_path?: string } }>>("sys/audit"),
    );
    if (devices === undefined) return evidence.finding;
    const names = Object.entries(devices).flatMap(([path, device]) =>
      typeof device === "object" && "type" in device ? [`${path.replace(/\/$/, "")} (${device.type})`] : [],
    );
    if (names.length === 0) {
      evidence.violated("Vault has no audit device");
      return evidence.finding;
    }
    if (subject.spec.program === "local") await findInLog(subject, evidence);
    else {
      // It is answered, so a device has taken it.
      await vault.read("auth/token/lookup-self");
      evidence.proved(
        `device ${names.join(", ")} is on, and Vault answers, which it does not when no device takes a request`,
      );
    }
    return evidence.finding;
  },
};

async function findInLog({ context, layout }: Subject, evidence: Evidence): Promise<void> {
  const file = layout.log("vault-audit");
  await evidence.look("declaration of the audit device", "reading etc/vault.hcl", async () => {
    const declared = /^audit "file"/m.test(await readFile(layout.etc("vault.hcl"), "utf8"));
    if (declared) evidence.proved("etc/vault.hcl declares audit device file");
    else evidence.violated("etc/vault.hcl declares no audit device");
  });
  await evidence.look("the audit log", "reading logs/vault-audit.log", async () => {
    const from = (await stat(file).catch(() => undefined))?.size ?? 0;
    const path = `sys/policies/acl/${nameInVault(context.stack, `audit-${randomBytes(8).toString("hex")}`)}`;
    await (await context.vault()).read(path);
    const deadline = performance.now() + WRITTEN_WITHIN_MS;
    while (!(await tail(file, from)).includes(path)) {
      if (performance.now() > deadline) {
        evidence.violated("logs/vault-audit.log does not have a request that Vault answered");
        return;
      }
      await delay(POLL_MS, undefined, { signal: context.signal });
    }
    evidence.proved("logs/vault-audit.log has the request that was made for this");
  });
}

/** What was written after the first `from` bytes; all of it when the file was begun anew. */
async function tail(file: string, from: number): Promise<string> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return "";
  try {
    const { size } = await handle.stat();
    const start = size < from ? 0 : from;
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(size - start), position: start });
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}
