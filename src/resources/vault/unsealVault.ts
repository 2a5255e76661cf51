import { setTimeout as delay } from "node:timers/promises";
import type { VaultClient } from "../../clients/VaultClient.ts";
import { VaultError } from "../../clients/VaultError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Secret } from "../../credentials/Secret.ts";
import { unseal } from "../../credentials/sealing.ts";
import type { SealedShares } from "./SealedShares.ts";

type Sealed = Extract<SealedShares, { state: "sealed" }>;

interface SealStatus {
  readonly sealed: boolean;
  /** Shares needed. */
  readonly t: number;
  /** Shares given so far. */
  readonly progress: number;
}

const POLL_MS = 25;
/** Between looks at a server that does not answer. */
const ABSENT_MS = 500;

/** The shares that the identities open, in the clear. */
export async function openShares(shares: Sealed, identities: readonly Secret[]): Promise<Secret[]> {
  const opened = await Promise.all(
    shares.shares.map(({ sealed }) => unseal(sealed, identities, "vault/shares.age.json")),
  );
  return opened.filter((share) => share !== undefined);
}

/**
 * Unseals with the shares at hand; nothing to do when Vault is not sealed.
 *
 * Who has enough shares starts anew, so that a half-done or wrong attempt of someone else does not count. Who has fewer adds
 * them to what was given before: k people unseal one after the other, each on their own. Then throws `VAULT_SEALED`.
 */
export async function unsealVault(client: VaultClient, shares: Sealed, opened: readonly Secret[]): Promise<void> {
  const before = await sealStatus(client);
  if (!before.sealed) return;
  if (opened.length >= before.t) await client.write("sys/unseal", { reset: true });
  let status = before;
  for (const share of opened) {
    status = await give(client, share);
    if (!status.sealed) return;
  }
  throw new DayzeroError(
    "VAULT_SEALED",
    `cannot unseal vault at ${client.address}: ${status.progress} of ${status.t} shares given, the identities at hand open ${opened.length} of ${shares.shares.length}`,
    { hint: `run \`dayzero up --identity FILE\` with the age identity of ${recipientsOf(shares)}` },
  );
}

/**
 * Resolves once Vault, which is not sealed, serves requests: a raft node has to win its election first, or, as one of several
 * (`clustered`), to know who has won it. Throws `VAULT_NOT_ACTIVE` after `withinMs`.
 */
export async function untilActive(
  client: Pick<VaultClient, "address" | "health" | "read">,
  options: { withinMs: number; logFile: string; signal: AbortSignal; clustered?: boolean },
): Promise<void> {
  const { withinMs, logFile, signal, clustered = false } = options;
  const deadline = performance.now() + withinMs;
  for (;;) {
    signal.throwIfAborted();
    const { sealed, standby } = await client.health();
    if (sealed) {
      throw new DayzeroError("VAULT_SEALED", `vault at ${client.address} was sealed while it started`, {
        hint: "run `dayzero up` again; if it stays so, look at its log (of an embedded one logs/vault.log)",
      });
    }
    if (!standby || (clustered && (await knowsLeader(client)))) return;
    if (performance.now() > deadline) {
      throw new DayzeroError(
        "VAULT_NOT_ACTIVE",
        `vault at ${client.address} is unsealed, and still on standby after ${withinMs / 1000} s`,
        { hint: `${logFile} says why; then run \`dayzero up\` again` },
      );
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

/**
 * Resolves once Vault answers, and, when its seal opens by itself, is unsealed or not initialized yet. Pods take their time: to be
 * placed, to fetch the image. Throws `VAULT_UNREACHABLE` or `VAULT_SEALED` after `withinMs`.
 */
export async function untilAnswering(
  client: Pick<VaultClient, "address" | "health">,
  options: { withinMs: number; autoUnseal: boolean; signal: AbortSignal },
): Promise<void> {
  const { withinMs, autoUnseal, signal } = options;
  const deadline = performance.now() + withinMs;
  for (;;) {
    signal.throwIfAborted();
    const health = await client.health().catch((cause: unknown) => {
      if (performance.now() <= deadline) return undefined;
      throw new DayzeroError("VAULT_UNREACHABLE", `vault at ${client.address} did not answer in ${withinMs / 1000} s`, {
        cause,
        hint: "see whether its pods run (kubectl describe pod), and whether that address leads to the Service openbao-operator",
      });
    });
    if (health !== undefined && !(autoUnseal && health.initialized && health.sealed)) return;
    if (health !== undefined && performance.now() > deadline) {
      throw new DayzeroError("VAULT_SEALED", `vault at ${client.address} does not unseal itself`, {
        hint: "see in the logs of its pods why it cannot use its seal: network, identity, or the key",
      });
    }
    await delay(health === undefined ? ABSENT_MS : POLL_MS, undefined, { signal });
  }
}

/** Source: https://openbao.org/api-docs/system/leader/ */
async function knowsLeader(client: Pick<VaultClient, "read">): Promise<boolean> {
  const leader = await client.read<{ leader_address?: string }>("sys/leader");
  return (leader?.leader_address ?? "") !== "";
}

async function give(client: VaultClient, share: Secret): Promise<SealStatus> {
  try {
    return await client.write<SealStatus>("sys/unseal", { key: share.reveal() });
  } catch (cause) {
    if (!(cause instanceof VaultError)) throw cause;
    throw new DayzeroError("VAULT_UNSEAL_REFUSED", `cannot unseal vault at ${client.address} with its sealed shares`, {
      cause,
      hint: "someone gave a wrong share before (run it again), or vault/shares.age.json belongs to another Vault",
    });
  }
}

async function sealStatus(client: VaultClient): Promise<SealStatus> {
  const status = await client.read<SealStatus>("sys/seal-status");
  if (status === undefined) throw new Error(`vault at ${client.address} has no seal status`);
  return status;
}

function recipientsOf(shares: Sealed): string {
  return [...new Set(shares.shares.map(({ recipient }) => recipient))].join(" or ");
}
