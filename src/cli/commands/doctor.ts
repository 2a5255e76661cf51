import { join, resolve } from "node:path";
import type { StackSpec } from "../../config/StackSpec.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { createContext } from "../createContext.ts";
import { type Checks, existingChecks, localChecks, machineChecks } from "../doctor/doctorChecks.ts";
import { type Examined, examine } from "../doctor/examine.ts";
import { ok } from "../doctor/Finding.ts";
import { formatExamined } from "../doctor/formatExamined.ts";
import { EXIT } from "../exitCodes.ts";
import { cacheDirectory, type Outcome, type Run } from "../Run.ts";
import { findProgram } from "../stack/findProject.ts";
import { type LoadedStack, loadStack, type SpecOptions } from "../stack/loadStack.ts";
import { systemsOf } from "../systemsOf.ts";

/**
 * `dayzero doctor`: whether `up` has what it needs, before it. Changes nothing, asks nobody, and needs none of the tools. Exits 1 on a
 * problem; what could not be told is none.
 */
export async function doctor(run: Run, stack: string, options: SpecOptions & { mirror?: string }): Promise<Outcome> {
  let loaded: LoadedStack | undefined;
  const configuration = await examine("configuration", async () => {
    loaded = await loadStack(run, stack, options);
    await findProgram(loaded.project);
    return ok(`stack ${stack}, program ${loaded.spec.program}, project ${loaded.project.directory}`);
  });
  const { checks, close } = checksOf(run, stack, loaded, options);
  try {
    const examined = [configuration, ...(await Promise.all([...checks].map(([id, check]) => examine(id, check))))];
    const healthy = examined.every(({ result }) => result !== "problem");
    return {
      exitCode: healthy ? EXIT.ok : EXIT.failed,
      json: {
        ok: healthy,
        checks: examined.map(({ id, result, seen, action }: Examined) => ({ id, result, seen, action })),
      },
      text: `${formatExamined(examined, run.paint)}\n`,
    };
  } finally {
    await close();
  }
}

/** Of a stack that cannot be loaded, only the machine is looked at. */
function checksOf(
  run: Run,
  stack: string,
  loaded: LoadedStack | undefined,
  options: SpecOptions & { mirror?: string },
): { checks: Checks; close(): Promise<void> } {
  const state = resolve(run.workingDirectory, options.state ?? ".dayzero");
  const layout = loaded?.layout ?? new StackLayout(join(state, stack));
  const program: StackSpec["program"] = loaded?.spec.program ?? "local";
  const machine = machineChecks(run, {
    program,
    layout,
    cacheDirectory: cacheDirectory(run.environment),
    mirror: options.mirror,
  });
  const nothingToClose = async () => undefined;
  if (loaded === undefined) return { checks: machine.checks, close: nothingToClose };
  const { spec } = loaded;
  if (spec.program === "local") {
    const own = localChecks(run, { spec, layout }, machine.clocks);
    return { checks: new Map([...machine.checks, ...own]), close: nothingToClose };
  }
  const { context, close } = createContext({
    stack,
    layout,
    dryRun: true,
    signal: run.signal,
    program: run.program,
    tools: undefined,
    existing: systemsOf(spec, run),
    narrate: () => undefined,
  });
  return { checks: new Map([...machine.checks, ...existingChecks(run, spec, context, machine.clocks)]), close };
}
