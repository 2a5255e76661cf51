/** What a run tells its spectator. A phase is anything with a beginning and an end: a component, a tool being built. */
export type Narration =
  | { readonly kind: "phase-started"; readonly phase: string }
  /** What the phase waits for now; a new one takes the place of the last. */
  | { readonly kind: "waiting"; readonly phase: string; readonly message: string }
  /** Passing detail, such as the output of a build: shown where lines can be replaced, else left out. */
  | { readonly kind: "detail"; readonly phase: string; readonly message: string }
  | { readonly kind: "phase-finished"; readonly phase: string; readonly ms: number; readonly ok: boolean }
  | { readonly kind: "note"; readonly message: string };

/** Tells a person on stderr how the run goes. Never given a secret. */
export interface Narrator {
  tell(narration: Narration): void;
  /** Leaves the terminal as it is needed by whoever writes next. */
  close(): void;
}

/** Time as the narrators need it: passed in, so that tests own it. */
export interface NarratorClock {
  now(): number;
  /** Calls again and again; the result stops it. */
  every(ms: number, call: () => void): () => void;
}

export type Paint = (style: "green" | "red" | "dim" | "bold" | "yellow", text: string) => string;

export const SYSTEM_CLOCK: NarratorClock = {
  now: () => performance.now(),
  every(ms, call) {
    const timer = setInterval(call, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};
