import { formatElapsed } from "./formatElapsed.ts";
import type { Narration, Narrator, NarratorClock, Paint } from "./Narrator.ts";

/** How long a phase may be silent before a line says that it still runs. */
const SILENCE_MS = 15_000;

interface Running {
  readonly since: number;
  waitingFor?: string;
  told: number;
}

/** One line for each thing that happens: for logs, pipes and `--json`. */
export class PlainNarrator implements Narrator {
  readonly #write: (text: string) => void;
  readonly #clock: NarratorClock;
  readonly #paint: Paint;
  readonly #running = new Map<string, Running>();
  readonly #stop: () => void;

  constructor(options: { write: (text: string) => void; clock: NarratorClock; paint: Paint }) {
    this.#write = options.write;
    this.#clock = options.clock;
    this.#paint = options.paint;
    this.#stop = options.clock.every(1_000, () => this.#breakSilence());
  }

  tell(narration: Narration): void {
    const line = this.#lineFor(narration);
    if (line !== undefined) this.#write(`${line}\n`);
  }

  close(): void {
    this.#stop();
  }

  /** Keeps track of what runs; undefined for what is not worth a line. */
  #lineFor(narration: Narration): string | undefined {
    switch (narration.kind) {
      case "phase-started":
        this.#running.set(narration.phase, { since: this.#clock.now(), told: this.#clock.now() });
        return `${narration.phase} ...`;
      case "waiting": {
        const running = this.#running.get(narration.phase);
        if (running?.waitingFor === narration.message) return undefined;
        if (running !== undefined) {
          running.waitingFor = narration.message;
          running.told = this.#clock.now();
        }
        return `${narration.phase}: ${narration.message}${this.#elapsed(running)}`;
      }
      case "detail":
        return undefined;
      case "phase-finished": {
        this.#running.delete(narration.phase);
        const mark = narration.ok ? this.#paint("green", "✓") : this.#paint("red", "✗");
        return `${mark} ${narration.phase} ${this.#paint("dim", `(${formatElapsed(narration.ms)})`)}`;
      }
      case "note":
        return narration.message;
    }
  }

  #breakSilence(): void {
    for (const [phase, running] of this.#running) {
      if (this.#clock.now() - running.told < SILENCE_MS) continue;
      running.told = this.#clock.now();
      this.#write(`${phase}: ${running.waitingFor ?? "still running"}${this.#elapsed(running)}\n`);
    }
  }

  #elapsed(running: Running | undefined): string {
    const ms = running === undefined ? 0 : this.#clock.now() - running.since;
    return ms < 1_000 ? "" : ` ${this.#paint("dim", `(${formatElapsed(ms)})`)}`;
  }
}
