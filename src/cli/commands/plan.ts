import type { Action } from "../../hosts/converge/ConvergeEvent.ts";
import type { ResourceChange } from "../../hosts/converge/Deployment.ts";
import { type ConvergeOptions, convergeStack } from "../convergeStack.ts";
import { EXIT } from "../exitCodes.ts";
import type { Outcome, Run } from "../Run.ts";

type PlannedChange = Pick<ResourceChange, "type" | "name" | "action" | "changes">;

const SIGNS: Record<Action, string> = { create: "+", update: "~", replace: "±", delete: "-", same: " " };

/** `dayzero plan`: every change that `up` would make; changes nothing. */
export async function plan(run: Run, stack: string, options: ConvergeOptions): Promise<Outcome> {
  const changes = await convergeStack(run, stack, { ...options, dryRun: true }, async ({ result }) =>
    result.changes
      .filter(({ action }) => action !== "same")
      .map(({ type, name, action, changes }): PlannedChange => ({ type, name, action, changes })),
  );
  return { exitCode: EXIT.ok, json: { stack, changes }, text: `${describe(stack, changes)}\n` };
}

function describe(stack: string, planned: readonly PlannedChange[]): string {
  if (planned.length === 0) return `stack ${stack}: nothing to change`;
  const lines = planned.flatMap(({ type, name, action, changes }) => [
    `${SIGNS[action]} ${type} ${name}`,
    ...changes
      .filter(({ path }) => path !== "")
      .map(({ path, before, after }) => `    ${path}: ${before ?? "(none)"} -> ${after ?? "(none)"}`),
  ]);
  return [...lines, `stack ${stack}: ${planned.length} to change`].join("\n");
}
