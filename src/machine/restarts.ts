import { readIfThere } from "./readIfThere.ts";
import type { StackLayout } from "./StackLayout.ts";
import { writeFileAtomic } from "./writeFileAtomic.ts";

const REMEMBERED_MS = 24 * 3_600_000;
const REMEMBERED = 100;

/**
 * When a process was restarted by the others of its stack, the first time first; of the last day, a hundred at most. What cannot be
 * read counts as never: nothing else hangs on it.
 */
export async function readRestarts(layout: StackLayout, name: string): Promise<Date[]> {
  const lines = (await readIfThere(layout.restarts(name)))?.split("\n") ?? [];
  return lines.map((line) => new Date(line)).filter((time) => !Number.isNaN(time.getTime()));
}

/** To be written before the restart: a kill in between must not make the next one come sooner. */
export async function recordRestart(layout: StackLayout, name: string, now: Date): Promise<void> {
  const recent = (await readRestarts(layout, name)).filter((time) => now.getTime() - time.getTime() < REMEMBERED_MS);
  const lines = [...recent, now].slice(-REMEMBERED).map((time) => `${time.toISOString()}\n`);
  await writeFileAtomic(layout.restarts(name), lines.join(""));
}
