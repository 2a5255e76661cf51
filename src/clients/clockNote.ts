/** Two clocks that differ by no more count as the same. */
const AGREE_MS = 60_000;

/**
 * What to add to a refusal when the server's clock and ours differ, for then every token and certificate may be too old or too young for
 * it; `undefined` when they agree, or the answer does not say what time it is (`Date`, RFC 9110, 6.6.1).
 */
export function clockNote(date: string | string[] | undefined, now: number): string | undefined {
  const ahead = now - Date.parse(String(date));
  if (Number.isNaN(ahead) || Math.abs(ahead) <= AGREE_MS) return undefined;
  return `the clock of this machine is ${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? "ahead of" : "behind"} the server's`;
}
