/** How often a request is sent again that a server turned away for now (429 Too Many Requests). */
export const TURNED_AWAY = 5;

/** Longer than this nobody sits and waits: the request has failed, and the next run asks again. */
const LONGEST_MS = 30_000;

/**
 * Milliseconds until a request that was turned away may be sent again: what `Retry-After` says, seconds or a date, and a second
 * without it. `undefined` when the server wants it later than is waited for.
 *
 * Source: RFC 9110, 10.2.3.
 */
export function retryPause(retryAfter: string | string[] | undefined, now: number): number | undefined {
  const after = String(retryAfter ?? 1);
  const ms = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - now;
  if (Number.isNaN(ms)) return 1_000;
  return ms > LONGEST_MS ? undefined : Math.max(ms, 0);
}
