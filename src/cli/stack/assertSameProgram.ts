import { DayzeroError } from "../../config/DayzeroError.ts";
import type { StackSpec } from "../../config/StackSpec.ts";

/** Throws `STACK_PROGRAM_CHANGED` where the configuration names another program than the one that made the stack. */
export function assertSameProgram({ stack, program }: StackSpec, made: StackSpec["program"] | undefined): void {
  if (made === undefined || made === program) return;
  throw new DayzeroError(
    "STACK_PROGRAM_CHANGED",
    `stack ${JSON.stringify(stack)} was made with dayzero:program: ${made}, its file says ${program}`,
    { hint: "remove it with the old setting (dayzero down), or give the new one another name" },
  );
}
