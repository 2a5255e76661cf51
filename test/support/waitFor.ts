/** Awaits a condition: asks again every 25 ms until it holds, and fails with what it last saw. Returns the time it took in ms. */
export async function waitFor(
  what: string,
  condition: () => Promise<boolean> | boolean,
  seconds = 30,
): Promise<number> {
  const started = performance.now();
  let last: unknown;
  while (performance.now() - started < seconds * 1000) {
    try {
      if (await condition()) return Math.round(performance.now() - started);
      last = undefined;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`waited ${seconds} s in vain for ${what}`, { cause: last });
}
