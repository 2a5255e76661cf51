import { setTimeout as delay } from "node:timers/promises";
import { LOG_BOUNDS, rotateLogs } from "./rotateLogs.ts";
import { type WatchOptions, watchPeers } from "./watchPeers.ts";

const ROTATE_MS = 60_000;

/** Runs a daemon until it ends, and beside it what keeps the stack up: each watches the others, the renewer rotates the logs too. */
export async function withUpkeep(options: Omit<WatchOptions, "log">, daemon: () => Promise<void>): Promise<void> {
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  const log = (entry: Readonly<Record<string, unknown>>) =>
    process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`);
  const kept = [
    watchPeers({ ...options, signal, log }),
    options.self === "renewer" ? keepLogsBounded({ layout: options.layout, signal, log }) : undefined,
  ];
  try {
    await daemon();
  } finally {
    ended.abort();
    await Promise.all(kept);
  }
}

async function keepLogsBounded({
  layout,
  signal,
  log,
}: Pick<WatchOptions, "layout" | "signal" | "log">): Promise<void> {
  while (!signal.aborted) {
    await rotateLogs(layout, LOG_BOUNDS, (name, error) =>
      log({ event: "rotation failed", log: name, error: error instanceof Error ? error.message : "unknown" }),
    );
    await delay(ROTATE_MS, undefined, { signal }).catch(() => undefined);
  }
}
