import type { ZodType } from "zod";
import type { KubernetesClient } from "../clients/KubernetesClient.ts";
import type { VaultClient } from "../clients/VaultClient.ts";
import type { LedgerEntry } from "../credentials/LedgerEntry.ts";
import type { Secret } from "../credentials/Secret.ts";

/**
 * One difference between what is live and what is desired. An empty list of changes means: nothing to do.
 *
 * `replace` says that the change needs a new identity. `before` and `after` are for people and never hold a secret.
 */
export interface Change {
  readonly action: "create" | "update" | "replace";
  /** Property path as the user wrote it (`spec.replicas`), or "" for the resource as a whole. */
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
}

/** What a resource may use of the world. One per run and stack; the host makes it, resources never read `process`. */
export interface Context {
  /** Name of the stack, as in `Pulumi.<stack>.yaml`. Everything the stack makes carries it as its mark. */
  readonly stack: string;
  /** Absolute path of the stack's state folder, mode 0700. */
  readonly directory: string;
  /** `apply` and `remove` are never called with this set; `read` must then not wait for anything to become ready. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  now(): Date;
  /** Command line prefix of a pinned tool: `["/…/etcd"]`; `dayzero` is this program itself: `["/…/node", "/…/dayzero.js"]`. */
  tool(name: string): readonly string[];
  /** Says what is being waited for; shown with the elapsed time. Never a secret. */
  narrate(message: string): void;
  /** The stack's cluster as its administrator. Throws when the cluster does not answer. */
  kubernetes(): Promise<KubernetesClient>;
  /** The stack's Vault, logged in as operator (or with the initial root token while that still exists). Throws when it does not answer or is sealed. */
  vault(): Promise<VaultClient>;
  /** Values that live for this run only and are never written down, such as the initial root token. */
  readonly memory: Map<string, Secret>;
}

/** Why a resource that the program dropped is not removed. */
export interface Stay {
  /** `kept`: it is left alone and stays the stack's. `released`: it is left, but `remove` takes the stack's mark off it. */
  readonly as: "kept" | "released";
  /** What stays, why, and what the person may do about it. */
  readonly note: string;
}

/**
 * The contract of everything Dayzero itself manages; the converge host and the Pulumi plugin both serve it.
 *
 * `Live` is what is found, plain JSON; a program gets all of it, or its `outputs`: never a credential.
 */
export interface Resource<Inputs, Live extends object> {
  readonly type: `dayzero:${string}:${string}`;
  /** Parses, with every problem and its path. Defaults are filled in here. */
  readonly inputs: ZodType<Inputs>;
  /** What an identity has to look like. Hosts check each before it gets here: it may come from a state that somebody edited. */
  readonly id: ZodType<string>;
  /** Deterministic identity: a rerun finds what a crash left behind. */
  identify(inputs: Inputs): string;
  /**
   * What exists under this identity; `undefined` when nothing does. Throws when it exists but is not the stack's own, or is broken.
   * `desired` is for what only the system itself can compare (a server-side dry run); a plan with unknown inputs reads without it.
   */
  read(id: string, ctx: Context, desired?: Inputs): Promise<Live | undefined>;
  /** Pure. Equal inputs and live state give no change. Throws what no run may do, so that a plan refuses it as `up` does. */
  plan(live: Live | undefined, desired: Inputs): Change[];
  /**
   * Pure. The outputs of which it is certain before the changes are made what they will be; by default none. It is what a plan goes on
   * with, so what is made from the others is not planned.
   */
  foresee?(live: Live | undefined, desired: Inputs, changes: readonly Change[]): Partial<Live>;
  /** Makes the changes; safe to run again after SIGKILL at any point. Returns what is then live, ready for use. */
  apply(changes: readonly Change[], desired: Inputs, ctx: Context): Promise<Live>;
  /** What a program gets of what is live; by default all of it. */
  outputs?(live: Live): object;
  /** Identities that this stack marked as its own: how a resource dropped from the program is found. */
  owned(stack: string, ctx: Context): Promise<string[]>;
  /** Asked before something dropped is removed, in plans too; by default, and when `undefined`, it is removed. */
  stays?(id: string, ctx: Context): Promise<Stay | undefined>;
  /** Removes it; already gone is success. */
  remove(id: string, ctx: Context): Promise<void>;
  /** Credentials that exist because of it. */
  ledger?(id: string, live: Live): LedgerEntry[];
}
