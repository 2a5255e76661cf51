/** The life of a Git credential: what happened longer ago has no part in whether the next one comes in time. */
const WINDOW_MS = 600_000;
const FIRST_PAUSE_MS = 2_000;
/** A credential is renewed when a third of its life is left, 200 s: so whatever ends again and again is tried several times more before that. */
const LAST_PAUSE_MS = 60_000;
const TROUBLE = 3;

/**
 * Whether a process that has ended may be restarted now: at once the first time, then after pauses that double from two seconds to
 * a minute, by how often it was within the last ten minutes.
 */
export function mayRestart(restarts: readonly Date[], now: Date): boolean {
  const recent = within(restarts, now);
  const last = recent.at(-1);
  if (last === undefined) return true;
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** (recent.length - 1), LAST_PAUSE_MS);
  return now.getTime() - last.getTime() >= pause;
}

/** Whether it was restarted so often within ten minutes that somebody should look. */
export function keepsEnding(restarts: readonly Date[], now: Date): boolean {
  return within(restarts, now).length >= TROUBLE;
}

/** Those of a clock that was set back are none of now. */
function within(restarts: readonly Date[], now: Date): Date[] {
  return restarts.filter((time) => time <= now && now.getTime() - time.getTime() < WINDOW_MS);
}
