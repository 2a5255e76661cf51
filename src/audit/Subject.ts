import type { StackSpec } from "../config/StackSpec.ts";
import type { LedgerEntry } from "../credentials/LedgerEntry.ts";
import type { StackLayout } from "../machine/StackLayout.ts";
import type { Change, Context } from "../resources/Resource.ts";
import type { LiveSecrets } from "./LiveSecret.ts";

/** One resource as the stack's program declares it, and how far the live system is from that. */
export interface Declared {
  readonly urn: string;
  readonly type: string;
  /** Absent when it depends on a value that is not known. */
  readonly id: string | undefined;
  /** Plain JSON, as the program registered it. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** What the program got of it; also what Pulumi would keep in its state. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Whether some input waits for what `up` would change elsewhere: then nothing could be compared, and `changes` says nothing. */
  readonly waits: boolean;
  /** What `up` would change; empty when it reads back as declared. */
  readonly changes: readonly Change[];
}

/** Whoever runs the audit, and where. */
export interface Auditor {
  readonly environment: Readonly<Record<string, string>>;
  /** Folder of the Pulumi project. */
  readonly project: string;
  /** File that `pulumi stack export` wrote, where one was named. */
  readonly pulumiState: string | undefined;
}

/** What an audit looks at. Gathered once, shared by all checks. */
export interface Subject {
  readonly spec: StackSpec;
  readonly layout: StackLayout;
  /** Clients of the live systems; `dryRun` is set. */
  readonly context: Context;
  readonly auditor: Auditor;
  /** What the program declares. Rejects when it could not be run to its end (nothing to compare with). */
  declared(): Promise<readonly Declared[]>;
  /** Credentials that exist because of the stack, as `up` and `status` print them. */
  readonly ledger: readonly LedgerEntry[];
  /** Every credential value of the stack that is good right now, for finding it where it must not be. */
  secrets(): Promise<LiveSecrets>;
}
