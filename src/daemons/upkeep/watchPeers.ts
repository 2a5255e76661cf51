import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { isDueForRestart } from "./isDueForRestart.ts";

/** Without these three Argo CD's credential ends: the renewer, who it asks for an identity, and who checks the new one. */
const DAEMONS = ["git-server", "identity-broker", "renewer"] as const;

export type Daemon = (typeof DAEMONS)[number];

const LOOK_MS = 5_000;

export interface WatchOptions {
  readonly layout: StackLayout;
  /** Who watches. */
  readonly self: Daemon;
  /** This program: what `dayzero restart` is called by. */
  readonly program: readonly [node: string, entry: string];
  readonly signal: AbortSignal;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
}

/**
 * Watches the other daemons of the stack, and has one that died restarted: by a short-lived process of its own, which takes the
 * stack's lock and leaves everything alone while `up` or `down` holds it. All three watch: of those that see the same death one
 * gets the lock, and the others then find the process alive. Runs until the signal aborts; never rejects.
 */
export async function watchPeers({ layout, self, program, signal, log }: WatchOptions): Promise<void> {
  const [node, entry] = program;
  while (!signal.aborted) {
    for (const name of DAEMONS) {
      try {
        if (name === self || signal.aborted || !(await isDueForRestart(layout, name, new Date()))) continue;
        log({ event: "restarting", process: name });
        // In our process group: whoever stops us stops it as well.
        const child = spawn(node, [entry, "restart", name, "--directory", layout.directory], {
          stdio: ["ignore", "inherit", "inherit"],
        });
        await once(child, "exit");
      } catch (error) {
        log({ event: "restart failed", process: name, error: error instanceof Error ? error.message : "unknown" });
      }
    }
    await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}
