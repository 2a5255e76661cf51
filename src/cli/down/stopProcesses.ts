import { readdir } from "node:fs/promises";
import { findDetached } from "../../machine/DetachedProcess.ts";
import { findUnrecorded } from "../../machine/findUnrecorded.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { stopProcess } from "../../machine/stopProcess.ts";

/** What others need to end in good order goes last: an API server that lost etcd ignores SIGTERM for a minute. */
const LAST = [["kube-apiserver"], ["etcd"]];
const GRACE_MS = 10_000;

/** Names of the stack's processes, running or not, however far `up` came with them. */
export async function processNames(layout: StackLayout): Promise<string[]> {
  const names = await readdir(layout.run("")).catch(() => []);
  return [...new Set(names.flatMap((name) => /^(.+)\.(?:json|pid)$/.exec(name)?.[1] ?? []))].sort();
}

/** Ends all processes of the stack, those without a pid file too, and returns the names of those that were running. */
export async function stopProcesses(
  layout: StackLayout,
  signal: AbortSignal,
  onWait: (names: readonly string[]) => void,
): Promise<string[]> {
  const unrecorded = await findUnrecorded(layout.directory);
  const names = [...new Set([...(await processNames(layout)), ...unrecorded.map(({ name }) => name)])].sort();
  const last = LAST.flat();
  const stopped: string[] = [];
  for (const group of [names.filter((name) => !last.includes(name)), ...LAST]) {
    const recorded = await Promise.all(
      group.map(async (name) => ({ name, process: await findDetached(layout.pidFile(name), layout.directory) })),
    );
    const alive = [
      ...recorded.flatMap(({ name, process }) => (process === undefined ? [] : [{ ...process, name }])),
      ...unrecorded.filter(({ name }) => group.includes(name)),
    ];
    if (alive.length === 0) continue;
    const running = [...new Set(alive.map(({ name }) => name))];
    onWait(running);
    await Promise.all(alive.map((process) => stopProcess(process, { graceMs: GRACE_MS, signal })));
    stopped.push(...running);
  }
  return stopped;
}
