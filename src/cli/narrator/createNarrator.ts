import type { WriteStream } from "node:tty";
import { styleText } from "node:util";
import { redactCredentials } from "../../config/redactCredentials.ts";
import { type Narrator, type Paint, SYSTEM_CLOCK } from "./Narrator.ts";
import { PlainNarrator } from "./PlainNarrator.ts";

interface NarratorOptions {
  readonly stderr: WriteStream;
  readonly live: boolean;
  readonly color: boolean;
}

/** Live lines on a terminal; plain ones for pipes, dumb terminals and `--json`. Lines of other programs are among them: none keeps a credential. */
export async function createNarrator(options: NarratorOptions): Promise<Narrator> {
  const narrator = await createLines(options);
  return {
    tell: (event) =>
      narrator.tell("message" in event ? { ...event, message: redactCredentials(event.message) } : event),
    close: () => narrator.close(),
  };
}

async function createLines(options: NarratorOptions): Promise<Narrator> {
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
