import type { RepositoryChoice } from "../../config/StackSpec.ts";
import type { Context } from "../../resources/Resource.ts";

/** One stack as whoever started the plugin opens it for it. */
export interface StackAccess {
  /** Takes no Lease: the plugin adds that. Its `tool` knows only `dayzero` before `provideTools`. */
  readonly context: Context;
  /** Whether its systems are reached from other machines too: then the lock keeps nobody off, and the Lease is taken before any write. */
  readonly shared: boolean;
  /** What `dayzero up` was told on its command line, which wins over the stack's file there. */
  readonly remembered: RepositoryChoice;
  /** Finds, downloads or builds what the stack's tools are made of. */
  provideTools(narrate: (message: string) => void): Promise<void>;
  /** Takes the stack's lock on this machine, as soon as it is free. Rejects with STACK_BUSY after `patienceMs`. */
  hold(wait: {
    readonly narrate: (message: string) => void;
    readonly patienceMs: number;
  }): Promise<{ release(): Promise<void> }>;
  /** Never rejects. */
  close(): Promise<void>;
}

export interface StackRequest {
  readonly stack: string;
  /** The stack's `dayzero:*` configuration without that prefix; what is not text is JSON. */
  readonly config: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export type OpenStack = (request: StackRequest) => Promise<StackAccess>;
