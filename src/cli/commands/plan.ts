import type { Action } from "../../hosts/converge/ConvergeEvent.ts";
import type { ResourceChange } from "../../hosts/converge/Deployment.ts";
import { type ConvergeOptions, convergeStack } from "../convergeStack.ts";
import { EXIT } from "../exitCodes.ts";
import { askGitTrust, formatGitTrust } from "../GitTrust.ts";
import type { Outcome, Run } from "../Run.ts";

type PlannedChange = Pick<ResourceChange, "type" | "name" | "action" | "changes">;

const SIGNS: Record<Action, string> = {
  create: "+",
  update: "~",
  replace: "±",
  delete: "-",
  release: "~",
  keep: "=",
  same: " ",
};

/** Of these the change as a whole carries the reason. */
const STAYING: ReadonlySet<Action> = new Set(["release", "keep"]);

/** `dayzero plan`: every change that `up` would make, and what it would keep though it was dropped; changes nothing. */
export async function plan(run: Run, stack: string, options: ConvergeOptions): Promise<Outcome> {
  return convergeStack(run, stack, { ...options, dryRun: true }, async ({ result, loaded: { spec }, context }) => {
    const changes = result.changes
      .filter(({ action }) => action !== "same")
      .map(({ type, name, action, changes }): PlannedChange => ({ type, name, action, changes }));
    const gitTrust = spec.program === "existing" ? await askGitTrust(context, spec) : undefined;
    const text = [describe(stack, changes), ...(gitTrust === undefined ? [] : ["", formatGitTrust(gitTrust)])];
    return {
      exitCode: EXIT.ok,
      json: { stack, changes, ...(gitTrust && { gitTrust }) },
      text: `${text.join("\n")}\n`,
    };
  });
}

function describe(stack: string, planned: readonly PlannedChange[]): string {
  if (planned.length === 0) return `stack ${stack}: nothing to change`;
  const lines = planned.flatMap(({ type, name, action, changes }) => [
    `${SIGNS[action]} ${type} ${name}`,
    ...changes
      .filter(({ path }) => path !== "")
      .map(({ path, before, after }) => `    ${path}: ${before ?? "(none)"} -> ${after ?? "(none)"}`),
    ...(STAYING.has(action) ? changes.filter(({ path }) => path === "").map(({ after }) => `    ${after}`) : []),
  ]);
  const count = planned.filter(({ action }) => action !== "keep").length;
  return [...lines, `stack ${stack}: ${count === 0 ? "nothing" : count} to change`].join("\n");
}
