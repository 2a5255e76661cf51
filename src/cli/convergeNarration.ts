import type { ConvergeEvent } from "../hosts/converge/ConvergeEvent.ts";
import type { Narrator } from "./narrator/Narrator.ts";

/** Turns what the host tells into what a person watches. */
export function convergeNarration(narrator: Narrator): (event: ConvergeEvent) => void {
  const running = new Set<string>();
  const begin = (phase: string) => {
    if (running.has(phase)) return;
    running.add(phase);
    narrator.tell({ kind: "phase-started", phase });
  };
  const end = (phase: string, ms: number, ok: boolean) => {
    begin(phase);
    running.delete(phase);
    narrator.tell({ kind: "phase-finished", phase, ms, ok });
  };
  return (event) => {
    switch (event.kind) {
      case "phase-started":
        begin(event.phase.name);
        break;
      case "phase-finished":
        end(event.phase.name, event.ms, true);
        break;
      case "resource-started":
        break;
      case "resource-finished":
        if (event.action === "delete") narrator.tell({ kind: "note", message: `removed ${event.type} ${event.name}` });
        break;
      case "resource-failed":
        end(event.phase?.name ?? event.name, event.ms, false);
        break;
      case "narration":
        if (event.phase === undefined) narrator.tell({ kind: "note", message: event.message });
        else narrator.tell({ kind: "waiting", phase: event.phase.name, message: event.message });
        break;
      case "log":
        // Errors come again as the run's own failure.
        if (event.severity === "warning" || event.severity === "info") narrator.tell({ kind: "note", message: event.message });
    }
  };
}
