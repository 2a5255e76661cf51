import { type ConvergeOptions, convergeStack } from "../convergeStack.ts";
import { EXIT } from "../exitCodes.ts";
import type { Outcome, Run } from "../Run.ts";
import type { Action } from "../../hosts/converge/ConvergeEvent.ts";
import type { Change } from "../../resources/Resource.ts";

interface PlannedChange {
  readonly type: string;
  readonly name: string;
  readonly action: Action;
  readonly changes: readonly Change[];
}

const SIGNS: Record<Action, string> = { create: "+", update: "~", replace: "±", delete: "-", same: " " };

/** `dayzero plan`: every change that `up` would make; changes nothing. */
export async function plan(run: Run, stack: string, options: ConvergeOptions): Promise<Outcome> {
  const changes: PlannedChange[] = [];
  const onEvent: Parameters<typeof convergeStack>[2]["onEvent"] = (event) => {
    if (event.kind !== "resource-finished" || event.action === "same") return;
    const { type, name, action } = event;
    changes.push({ type, name, action, changes: event.changes });
  };
  await convergeStack(run, stack, { ...options, dryRun: true, onEvent }, async () => undefined);
  return { exitCode: EXIT.ok, json: { stack, changes }, text: `${describe(stack, changes)}\n` };
}

function describe(stack: string, planned: readonly PlannedChange[]): string {
  if (planned.length === 0) return `stack ${stack}: nothing to change`;
  const lines = planned.flatMap(({ type, name, action, changes }) => [
    `${SIGNS[action]} ${type} ${name}`,
    ...changes.filter(({ path }) => path !== "").map(({ path, before, after }) => `    ${path}: ${before ?? "(none)"} -> ${after ?? "(none)"}`),
  ]);
  return [...lines, `stack ${stack}: ${planned.length} to change`].join("\n");
}
