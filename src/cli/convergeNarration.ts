import type { ConvergeEvent } from "../hosts/converge/ConvergeEvent.ts";
import type { Narrator } from "./narrator/Narrator.ts";

/** A component has pauses while its next resource is on its way; only a longer one counts as its end. */
const PAUSE_MS = 250;

/** Turns what the host tells into what a person watches; `close` tells what is still held back. */
export function convergeNarration(narrator: Narrator): { tell(event: ConvergeEvent): void; close(): void } {
  const running = new Set<string>();
  /** What is still in flight when a resource fails says no more of its phase. */
  const failed = new Set<string>();
  const ending = new Map<string, { readonly timer: NodeJS.Timeout; readonly finish: () => void }>();
  const begin = (phase: string) => {
    clearTimeout(ending.get(phase)?.timer);
    ending.delete(phase);
    if (running.has(phase) || failed.has(phase)) return;
    running.add(phase);
    narrator.tell({ kind: "phase-started", phase });
  };
  const end = (phase: string, ms: number, ok: boolean) => {
    begin(phase);
    if (!running.delete(phase)) return;
    if (!ok) failed.add(phase);
    narrator.tell({ kind: "phase-finished", phase, ms, ok });
  };
  const endSoon = (phase: string, ms: number) => {
    begin(phase);
    const finish = () => {
      ending.delete(phase);
      end(phase, ms, true);
    };
    ending.set(phase, { timer: setTimeout(finish, PAUSE_MS), finish });
  };
  const tell = (event: ConvergeEvent): void => {
    switch (event.kind) {
      case "phase-started":
        begin(event.phase.name);
        break;
      case "phase-finished":
        endSoon(event.phase.name, event.ms);
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
        else if (running.has(event.phase.name))
          narrator.tell({ kind: "waiting", phase: event.phase.name, message: event.message });
        break;
      case "log":
        // Errors come again as the run's own failure.
        if (event.severity === "warning" || event.severity === "info")
          narrator.tell({ kind: "note", message: event.message });
    }
  };
  return {
    tell,
    close() {
      for (const { timer, finish } of [...ending.values()]) {
        clearTimeout(timer);
        finish();
      }
    },
  };
}
