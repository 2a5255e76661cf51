import type { WriteStream } from "node:tty";
import { styleText } from "node:util";
import { type Narrator, type Paint, SYSTEM_CLOCK } from "./Narrator.ts";
import { PlainNarrator } from "./PlainNarrator.ts";

/** Live lines on a terminal; plain ones for pipes, dumb terminals and `--json`. */
export async function createNarrator(options: {
  stderr: WriteStream;
  live: boolean;
  color: boolean;
}): Promise<Narrator> {
  const { stderr } = options;
  const paint = createPaint(options.color);
  if (!options.live) return new PlainNarrator({ write: (text) => stderr.write(text), clock: SYSTEM_CLOCK, paint });
  const [{ createLogUpdate }, { LiveNarrator }] = await Promise.all([
    import("log-update"),
    import("./LiveNarrator.ts"),
  ]);
  const log = createLogUpdate(stderr, { showCursor: true });
  return new LiveNarrator({
    region: {
      update: (text) => log(text),
      persist: (text) => log.persist(text),
      clear: () => log.clear(),
    },
    clock: SYSTEM_CLOCK,
    paint,
    columns: () => stderr.columns ?? 80,
  });
}

export function createPaint(color: boolean): Paint {
  return (style, text) => (color ? styleText(style, text, { validateStream: false }) : text);
}
