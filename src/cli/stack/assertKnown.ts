import { access } from "node:fs/promises";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { stackMemoryFile } from "./StackMemory.ts";

/** Throws `STACK_UNKNOWN` where no `up` has ever begun. */
export async function assertKnown(stack: string, layout: StackLayout): Promise<void> {
  await access(stackMemoryFile(layout)).catch(() => {
    throw new DayzeroError("STACK_UNKNOWN", `there is no stack ${JSON.stringify(stack)} in ${layout.directory}`, {
      hint: stack === "local" ? "make it with dayzero up" : `make it with dayzero up ${stack}`,
    });
  });
}
