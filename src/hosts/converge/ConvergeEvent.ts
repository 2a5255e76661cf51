import type { Change } from "../../resources/Resource.ts";

/** What was decided about one resource; the last line is about those that the program dropped and that stay. */
export type Action = ("create" | "update" | "replace" | "delete" | "same") | ("release" | "keep");

/** Where a phase stands: one phase per top-level component of the program. */
export interface PhaseState {
  /** The component's name. */
  readonly name: string;
  /** Its resources that are being converged right now. */
  readonly inFlight: number;
  /** What one of them last said it waits for. */
  readonly narration: string | undefined;
}

/** One resource of the program. `phase` is absent for a resource outside of any component. */
export interface ResourceEvent {
  readonly urn: string;
  readonly name: string;
  readonly type: string;
  readonly phase?: PhaseState;
}

/**
 * What a run tells while it goes on. Never holds a secret.
 *
 * A phase starts when its component is registered. It is finished when the component registered its outputs and nothing of it is
 * in flight; should the program add to it later, it starts again and finishes again, `ms` always counting from the first start.
 */
export type ConvergeEvent =
  | { readonly kind: "phase-started"; readonly phase: PhaseState }
  | { readonly kind: "phase-finished"; readonly phase: PhaseState; readonly ms: number }
  | (ResourceEvent & { readonly kind: "resource-started" })
  | (ResourceEvent & {
      readonly kind: "resource-finished";
      readonly action: Action;
      readonly changes: readonly Change[];
      readonly ms: number;
    })
  | (ResourceEvent & { readonly kind: "resource-failed"; readonly error: Error; readonly ms: number })
  | (ResourceEvent & { readonly kind: "narration"; readonly message: string })
  | {
      readonly kind: "log";
      readonly severity: "info" | "warning" | "error";
      readonly message: string;
    };
