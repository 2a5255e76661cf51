import type { ConvergeEvent, PhaseState } from "./ConvergeEvent.ts";

interface Phase {
  readonly name: string;
  readonly startedAt: number;
  inFlight: number;
  narration: string | undefined;
  outputsRegistered: boolean;
  finished: boolean;
}

/** Keeps track of the program's top-level components, and of which one each resource belongs to. */
export class Phases {
  readonly #emit: (event: ConvergeEvent) => void;
  readonly #phases = new Map<string, Phase>();
  readonly #phaseOf = new Map<string, Phase>();

  constructor(emit: (event: ConvergeEvent) => void) {
    this.#emit = emit;
  }

  /** A component appeared. Below the stack it opens a phase, below another component it belongs to that one's. */
  component(urn: string, name: string, parent: string): void {
    const above = this.#phaseOf.get(parent);
    if (above !== undefined) {
      this.#phaseOf.set(urn, above);
      return;
    }
    const phase: Phase = {
      name,
      startedAt: performance.now(),
      inFlight: 0,
      narration: undefined,
      outputsRegistered: false,
      finished: false,
    };
    this.#phases.set(urn, phase);
    this.#phaseOf.set(urn, phase);
    this.#emit({ kind: "phase-started", phase: stateOf(phase) });
  }

  /** A resource below `parent` began to converge; {@link left} must follow. */
  entered(urn: string, parent: string): void {
    const phase = this.#phaseOf.get(parent);
    if (phase === undefined) return;
    this.#phaseOf.set(urn, phase);
    phase.inFlight++;
    if (phase.finished) {
      phase.finished = false;
      this.#emit({ kind: "phase-started", phase: stateOf(phase) });
    }
  }

  left(urn: string, outcome: "converged" | "failed"): void {
    const phase = this.#phaseOf.get(urn);
    if (phase === undefined) return;
    phase.inFlight--;
    if (outcome === "converged") this.#finishIfDone(phase);
  }

  narrated(urn: string, message: string): void {
    const phase = this.#phaseOf.get(urn);
    if (phase !== undefined) phase.narration = message;
  }

  outputsRegistered(urn: string): void {
    const phase = this.#phases.get(urn);
    if (phase === undefined) return;
    phase.outputsRegistered = true;
    this.#finishIfDone(phase);
  }

  /** For an event about the resource. */
  of(urn: string): { phase?: PhaseState } {
    const phase = this.#phaseOf.get(urn);
    return phase === undefined ? {} : { phase: stateOf(phase) };
  }

  #finishIfDone(phase: Phase): void {
    if (phase.finished || !phase.outputsRegistered || phase.inFlight > 0) return;
    phase.finished = true;
    const ms = Math.round(performance.now() - phase.startedAt);
    this.#emit({ kind: "phase-finished", phase: stateOf(phase), ms });
  }
}

function stateOf({ name, inFlight, narration }: Phase): PhaseState {
  return { name, inFlight, narration };
}
