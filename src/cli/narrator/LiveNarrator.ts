import { formatElapsed } from "./formatElapsed.ts";
import type { Narration, Narrator, NarratorClock, Paint } from "./Narrator.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 100;

/** Lines that are drawn again in place, and lines that stay above them: what log-update offers. */
export interface LiveRegion {
  update(text: string): void;
  persist(text: string): void;
  clear(): void;
}

interface Running {
  readonly since: number;
  message?: string;
}

/** A line for each running phase with its time and what it waits for; finished phases stay above. */
export class LiveNarrator implements Narrator {
  readonly #region: LiveRegion;
  readonly #clock: NarratorClock;
  readonly #paint: Paint;
  readonly #columns: () => number;
  readonly #running = new Map<string, Running>();
  readonly #stop: () => void;
  #frame = 0;

  constructor(options: { region: LiveRegion; clock: NarratorClock; paint: Paint; columns: () => number }) {
    this.#region = options.region;
    this.#clock = options.clock;
    this.#paint = options.paint;
    this.#columns = options.columns;
    this.#stop = options.clock.every(FRAME_MS, () => {
      this.#frame = (this.#frame + 1) % FRAMES.length;
      this.#draw();
    });
  }

  tell(narration: Narration): void {
    switch (narration.kind) {
      case "phase-started":
        this.#running.set(narration.phase, { since: this.#clock.now() });
        break;
      case "waiting":
      case "detail": {
        const running = this.#running.get(narration.phase);
        if (running !== undefined) running.message = narration.message;
        else if (narration.kind === "waiting") this.#region.persist(`${narration.phase}: ${narration.message}`);
        break;
      }
      case "phase-finished": {
        this.#running.delete(narration.phase);
        const mark = narration.ok ? this.#paint("green", "✓") : this.#paint("red", "✗");
        this.#region.persist(`${mark} ${narration.phase} ${this.#paint("dim", formatElapsed(narration.ms))}`);
        break;
      }
      case "note":
        this.#region.persist(narration.message);
    }
    this.#draw();
  }

  close(): void {
    this.#stop();
    this.#region.clear();
  }

  #draw(): void {
    const lines = [...this.#running].map(([phase, running]) => {
      const ms = this.#clock.now() - running.since;
      const elapsed = ms < 1_000 ? "" : ` ${formatElapsed(ms)}`;
      const room = Math.max(0, this.#columns() - phase.length - elapsed.length - 6);
      const message = running.message === undefined ? "" : `  ${cut(running.message, room)}`;
      return `${this.#paint("yellow", FRAMES[this.#frame] ?? "")} ${phase}${elapsed}${this.#paint("dim", message)}`;
    });
    if (lines.length === 0) this.#region.clear();
    else this.#region.update(lines.join("\n"));
  }
}

function cut(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1))}…`;
}
