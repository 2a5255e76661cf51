import { rm } from "node:fs/promises";
import { z } from "zod";
import type { VaultClient } from "../../clients/VaultClient.ts";
import { VaultError } from "../../clients/VaultError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { Secret } from "../../credentials/Secret.ts";
import { checkRecipients, seal } from "../../credentials/sealing.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { serverIdentity } from "../identity.ts";
import type { Change, Context, Resource } from "../Resource.ts";
import { ageIdentities, localRecipient } from "./ageIdentities.ts";
import { removeInitialRootToken, writeInitialRootToken } from "./initialRootToken.ts";
import { readSealedShares, removeSealedShares, type SealedShares, writeSealedShares } from "./SealedShares.ts";
import { openShares, unsealVault, untilActive, untilAnswering } from "./unsealVault.ts";
import { vaultConnection } from "./vaultConnection.ts";

/** Pods have to be placed, images to be fetched. */
const ANSWERS_WITHIN_MS = 600_000;
/** A raft node of its own elects itself within seconds, on a busy machine too. */
const ACTIVE_WITHIN_MS = 60_000;

/**
 * Share number i is sealed to recipient i modulo n, to nobody else. With as many shares as recipients each holds one, and
 * `threshold` people together unseal. More shares than recipients give some people several; as many as the threshold would let one
 * unseal alone, which is refused where there are several recipients.
 */
const inputs = z
  .strictObject({
    address: z.url({ protocol: /^https$/ }),
    /**
     * Whose certificate it has: the stack's authority `platform`, or `<namespace>/<name>` of the Secret of a Vault in the cluster. That
     * one has to come up first, and may have several nodes.
     */
    authority: z.string().min(1),
    /** Its seal opens by itself: then the shares are recovery shares, and nobody unseals. */
    autoUnseal: z.boolean().optional(),
    /** age recipients; none: a local identity is made, and listed as residual. */
    recipients: z.array(z.string()),
    shares: z.int().min(1).max(255),
    threshold: z.int().min(1),
  })
  .superRefine(({ recipients, shares, threshold }, check) => {
    const problem = (path: string, message: string) => check.addIssue({ code: "custom", path: [path], message });
    if (new Set(recipients).size < recipients.length) problem("recipients", "expected each recipient once");
    if (shares < recipients.length)
      problem("shares", `expected a share for each of ${recipients.length} recipients, seen ${shares}`);
    if (threshold > shares) problem("threshold", `expected at most the ${shares} shares, seen ${threshold}`);
    if (shares > 1 && threshold < 2) problem("threshold", `expected at least 2 of ${shares} shares, seen ${threshold}`);
    const most = Math.ceil(shares / Math.max(1, recipients.length));
    if (recipients.length > 1 && most >= threshold) {
      problem("threshold", `expected more than the ${most} shares that one recipient holds, seen ${threshold}`);
    }
  });

export type InitializationInputs = z.infer<typeof inputs>;

export interface InitializationLive {
  readonly address: string;
  readonly initialized: true;
  readonly sealed: boolean;
  readonly recipients: readonly string[];
  /** The identity that opens the shares was made by this stack and lies in its folder. */
  readonly localIdentity: boolean;
  readonly autoUnseal: boolean;
  readonly shares: number;
  readonly threshold: number;
}

/**
 * Initializes Vault once, and unseals it whenever it is sealed.
 *
 * Vault's answer (shares and initial root token) is sealed to the age recipients in memory before anything of it is written. A
 * crash between Vault's answer and that write loses the answer; the marker that is written first tells the next run, and
 * {@link storageResource} then begins anew. Sources: https://openbao.org/api-docs/system/init/ and .../unseal/.
 */
export const initializationResource: Resource<InitializationInputs, InitializationLive> = {
  type: "dayzero:vault:Initialization",
  inputs,

  id: serverIdentity,
  identify: ({ address, authority }) => `${address} ${authority}`,

  async read(id, ctx) {
    const [address = "", authority = ""] = id.split(" ");
    const layout = new StackLayout(ctx.directory);
    const shares = await readSealedShares(layout);
    const seal = await sealState({ address, authority }, layout, ctx);
    if (seal === undefined) return live(address, shares, true);
    if (!seal.initialized) {
      if (shares?.state !== "sealed") return undefined;
      throw new DayzeroError(
        "VAULT_DATA_MISSING",
        `cannot use vault at ${address}: it is empty, but this stack holds sealed shares of one that was initialized`,
        {
          hint: `put ${isInCluster(authority) ? "its volumes" : "data/vault"} back from a backup, or run \`dayzero down\` to begin with a new Vault`,
        },
      );
    }
    if (shares === undefined) {
      throw new DayzeroError(
        "VAULT_INITIALIZED_BY_OTHERS",
        `cannot take over vault at ${address}: it is initialized, and not by this stack`,
        { hint: "put vault/shares.age.json of this stack back, or give the stack a Vault of its own" },
      );
    }
    return live(address, shares, seal.sealed);
  },

  plan(found, desired) {
    if (found === undefined) return [{ action: "create", path: "" }];
    const changes: Change[] = found.sealed
      ? [{ action: "update", path: "sealed", before: "true", after: "false" }]
      : [];
    const wanted = desired.recipients.length === 0 ? "a local identity" : desired.recipients.join(", ");
    const held = found.localIdentity ? "a local identity" : found.recipients.join(", ");
    const differs = [
      ...(wanted === held ? [] : [`recipients ${wanted} instead of ${held}`]),
      ...(desired.shares === found.shares ? [] : [`${desired.shares} shares instead of ${found.shares}`]),
      ...(desired.threshold === found.threshold
        ? []
        : [`threshold ${desired.threshold} instead of ${found.threshold}`]),
      ...((desired.autoUnseal ?? false) === found.autoUnseal
        ? []
        : [`a seal that ${desired.autoUnseal ? "opens by itself" : "people open"}, instead of the other kind`]),
    ];
    if (differs.length === 0) return changes;
    throw new DayzeroError("VAULT_RESHARE_UNSUPPORTED", `cannot change the shares of vault: ${differs.join(", ")}`, {
      hint: "set dayzero:vault back to what Vault was initialized with; who has seen a share keeps it until Vault is rekeyed",
    });
  },

  async apply(_changes, desired, ctx) {
    const layout = new StackLayout(ctx.directory);
    const { autoUnseal = false } = desired;
    const inCluster = isInCluster(desired.authority);
    const client = await vaultConnection(layout, desired, () => ctx.kubernetes());
    try {
      if (inCluster) {
        ctx.narrate(`waiting for vault at ${desired.address}`);
        await untilAnswering(client, { withinMs: ANSWERS_WITHIN_MS, autoUnseal, signal: ctx.signal });
      }
      const made = (await client.health()).initialized ? undefined : await initialize(client, desired, layout, ctx);
      const shares = await readSealedShares(layout);
      if (shares?.state !== "sealed") {
        throw new DayzeroError(
          "VAULT_INIT_LOST",
          `vault at ${desired.address} is initialized, and its shares are lost`,
          {
            hint: inCluster
              ? "nobody can open it and nothing is in it: delete the claims of its volumes and its pods, then run `dayzero up` again"
              : "run `dayzero up` again: it empties that Vault, which nobody can open, and begins anew",
          },
        );
      }
      if (autoUnseal) {
        await untilAnswering(client, { withinMs: ACTIVE_WITHIN_MS, autoUnseal, signal: ctx.signal });
      } else {
        const opened = made ?? (await openShares(shares, await ageIdentities(layout, ctx.memory)));
        await unsealVault(client, shares, opened);
      }
      await untilActive(client, {
        withinMs: ACTIVE_WITHIN_MS,
        logFile: inCluster ? "the log of its pods" : layout.log("vault"),
        signal: ctx.signal,
        clustered: inCluster,
      });
      return live(desired.address, shares, false) as InitializationLive;
    } finally {
      await client.close();
    }
  },

  /** None: a Vault is not thrown away because a program no longer mentions it; `down` does that. */
  owned: async () => [],

  async stays(id) {
    const [, authority = ""] = id.split(" ");
    if (!isInCluster(authority)) return undefined;
    const [namespace] = authority.split("/");
    const note = `left vault/shares.age.json in place: the volumes of vault in namespace ${namespace} stay, and nothing else opens them`;
    return { as: "kept", note };
  },

  async remove(_id, ctx) {
    const layout = new StackLayout(ctx.directory);
    await removeInitialRootToken(layout, ctx.memory);
    await removeSealedShares(layout);
    await rm(layout.vault("identity.txt"), { force: true });
  },

  ledger(_id, found) {
    const kind = found.autoUnseal ? "recovery" : "unseal";
    return [
      {
        what: `${found.shares} ${kind} share${found.shares === 1 ? "" : "s"} of Vault, sealed to age recipients`,
        where: "vault/shares.age.json",
        expiresAt: null,
        residual: true,
        reason: found.autoUnseal
          ? "who has lost every login gets in with k of them"
          : "a Vault that restarts has to be unsealed",
      },
      ...(found.localIdentity
        ? [
            {
              what: `age identity that opens Vault's ${kind} shares`,
              where: "vault/identity.txt",
              expiresAt: null,
              residual: true,
              reason: "the stack names no age recipient, and a restart has to unseal without asking",
            },
          ]
        : []),
    ];
  },
};

/** Returns the shares as they came, for the first unsealing: it takes no identity. */
async function initialize(
  client: VaultClient,
  desired: InitializationInputs,
  layout: StackLayout,
  ctx: Context,
): Promise<Secret[]> {
  const localIdentity = desired.recipients.length === 0;
  const recipients = localIdentity ? [await localRecipient(layout)] : desired.recipients;
  await checkRecipients(recipients, "recipients");
  await writeSealedShares(layout, { state: "initializing" });
  ctx.narrate("initializing vault");
  const { autoUnseal = false } = desired;
  const kind = autoUnseal ? "recovery" : "secret";
  const answer = await client.write<{
    keys_base64?: string[];
    recovery_keys_base64?: string[];
    root_token: string;
  }>("sys/init", { [`${kind}_shares`]: desired.shares, [`${kind}_threshold`]: desired.threshold });
  const made = ((autoUnseal ? answer.recovery_keys_base64 : answer.keys_base64) ?? []).map((key) => new Secret(key));
  const shares = await Promise.all(
    made.map(async (share, index) => {
      const recipient = recipients[index % recipients.length] as string;
      return { recipient, sealed: await seal(share, [recipient]) };
    }),
  );
  // The shares come last: once they are there, so is the token with which the next run goes on.
  await writeInitialRootToken(layout, ctx.memory, new Secret(answer.root_token), recipients);
  await writeSealedShares(layout, {
    state: "sealed",
    threshold: desired.threshold,
    localIdentity,
    ...(autoUnseal ? { recovery: true } : {}),
    shares,
  });
  return made;
}

function isInCluster(authority: string): boolean {
  return authority.includes("/");
}

/** `undefined` when nobody is there: in a run that may not wait, and in a cluster, where `apply` waits for the pods. */
async function sealState(
  server: { address: string; authority: string },
  layout: StackLayout,
  ctx: Context,
): Promise<{ initialized: boolean; sealed: boolean } | undefined> {
  try {
    const client = await vaultConnection(layout, server, () => ctx.kubernetes());
    return await client.health().finally(() => client.close());
  } catch (error) {
    if (ctx.dryRun && error instanceof DayzeroError) return undefined;
    // The answer of a load balancer that has no pod to go to is a VaultError.
    const isAbsent =
      error instanceof VaultError || (error instanceof DayzeroError && error.code === "VAULT_UNREACHABLE");
    if (isInCluster(server.authority) && isAbsent) return undefined;
    throw error;
  }
}

function live(address: string, shares: SealedShares | undefined, sealed: boolean): InitializationLive | undefined {
  if (shares?.state !== "sealed") return undefined;
  return {
    address,
    initialized: true,
    sealed,
    recipients: [...new Set(shares.shares.map(({ recipient }) => recipient))],
    localIdentity: shares.localIdentity,
    autoUnseal: shares.recovery === true,
    shares: shares.shares.length,
    threshold: shares.threshold,
  };
}
