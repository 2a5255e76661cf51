import { readdir, stat } from "node:fs/promises";
import { findDetached } from "../../machine/DetachedProcess.ts";
import { exists } from "../../machine/exists.ts";
import { copyAndTruncate, type LogBounds, renameLog } from "../../machine/rotateLog.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";

/** Per log: 50 MiB at most, and what comes between two looks. */
export const LOG_BOUNDS: LogBounds = { bytes: 10 * 1024 * 1024, kept: 4 };

const VAULT_AUDIT = "vault-audit";
/** The API server rotates its audit log itself (--audit-log-maxsize). */
const ROTATED_BY_OTHERS = ["audit", VAULT_AUDIT];
/** SIGHUP ends a server that has not come so far as to wait for it; one that has run for this long has. */
const STARTED_AFTER_MS = 60_000;

/**
 * Looks once at the logs of a stack's servers and rotates those that have grown too large. Each that cannot be rotated is passed
 * to `onFailure`, and looked at again the next time; nothing is thrown.
 */
export async function rotateLogs(
  layout: StackLayout,
  bounds: LogBounds,
  onFailure: (log: string, error: unknown) => void,
): Promise<void> {
  const names = (await readdir(layout.logs).catch(() => [])).flatMap(
    (file) => /^([a-z0-9-]+)\.log$/.exec(file)?.[1] ?? [],
  );
  for (const name of names.filter((one) => !ROTATED_BY_OTHERS.includes(one))) {
    await copyAndTruncate(layout.log(name), bounds).catch((error: unknown) => onFailure(name, error));
  }
  await rotateVaultAudit(layout, bounds).catch((error: unknown) => onFailure(VAULT_AUDIT, error));
}

/**
 * Not a line of the audit log may get lost: it is renamed, and OpenBao opens its audit files again on SIGHUP. A rename after which
 * nobody sent the signal shows by there being no log, so the next look sends it.
 *
 * Source: https://openbao.org/docs/audit/file/
 */
async function rotateVaultAudit(layout: StackLayout, bounds: LogBounds): Promise<void> {
  const log = layout.log(VAULT_AUDIT);
  const pidFile = layout.pidFile("vault");
  const vault = await findDetached(pidFile, layout.directory);
  // The launcher wrote the pid file as it started.
  if (vault === undefined || Date.now() - (await stat(pidFile)).mtimeMs < STARTED_AFTER_MS) return;
  if (await exists(log)) await renameLog(log, bounds);
  if (!(await exists(log))) process.kill(vault.pid, "SIGHUP");
}
