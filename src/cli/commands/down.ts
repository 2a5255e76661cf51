import { readdir, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { exists } from "../../machine/exists.ts";
import { createContext } from "../createContext.ts";
import { type Removal, removeState } from "../down/removeState.ts";
import { stopProcesses } from "../down/stopProcesses.ts";
import { EXIT } from "../exitCodes.ts";
import { findGit } from "../findGit.ts";
import type { Outcome, Run } from "../Run.ts";
import { holdStack } from "../stack/holdStack.ts";
import { loadStack, locateStack, type StackOptions } from "../stack/loadStack.ts";
import { stackMemoryFile } from "../stack/StackMemory.ts";

export interface DownOptions extends StackOptions {
  readonly yes?: boolean;
  readonly deleteRepository?: boolean;
}

/**
 * `dayzero down`: removes what the stack made, and nothing else. Half a stack, or none, is as good as a whole one.
 *
 * An embedded one is stopped, and goes with its folder; from a cluster that stays it is taken off.
 */
export async function down(run: Run, stack: string, options: DownOptions): Promise<Outcome> {
  const { layout, program } = await locateStack(run, stack, options);
  const confirm = async (question: string) => {
    if (options.yes === true || (await confirmed(run, question))) return;
    throw new DayzeroError("NOT_CONFIRMED", `stack ${JSON.stringify(stack)} was left as it is`, {
      hint: "answer y, or say --yes, to remove it",
    });
  };
  // Only what stays has to be found by the stack's file: an embedded one is removed whatever that says.
  const loaded = program === "existing" ? await loadStack(run, stack, options) : undefined;
  if (loaded?.spec.program === "existing") {
    const { downExisting } = await import("../down/downExisting.ts");
    return report(stack, await downExisting(run, loaded, loaded.spec, confirm));
  }
  // Every stack has this file from before its first step until after its last: without it nothing here is ours to remove.
  if (!(await exists(stackMemoryFile(layout)))) {
    const there = await readdir(layout.directory).catch(() => []);
    return report(stack, { removed: [], kept: there.map((name) => join(layout.directory, name)) });
  }
  await confirm(`Stop stack ${stack} and remove ${layout.directory}?`);
  const lock = await holdStack(run, stack, layout);
  try {
    const { context, close } = createContext({
      stack,
      layout,
      dryRun: false,
      signal: run.signal,
      program: run.program,
      tools: new Map([["git", await findGit(run)]]),
      narrate: (message) => run.narrator.tell({ kind: "note", message }),
    });
    try {
      const stopped = await phase(run, "stop processes", (wait) =>
        stopProcesses(layout, run.signal, (names) => wait(`waiting for ${names.join(", ")}`)),
      );
      const removal = await phase(run, "remove state", () =>
        removeState(layout, context, { deleteRepository: options.deleteRepository === true }),
      );
      // A repository that was kept is still the stack's: the next `up` uses it, and `down --delete-repository` finds it.
      const keepsRepository = removal.kept.some((path) => path.startsWith(dirname(layout.repository("any"))));
      if (!keepsRepository) await rm(stackMemoryFile(layout), { force: true });
      return report(stack, { ...removal, removed: [...stopped.map((name) => `process ${name}`), ...removal.removed] });
    } finally {
      await close();
    }
  } finally {
    await lock.release();
    await rmdir(layout.directory).catch(() => undefined);
  }
}

function report(stack: string, { removed, kept }: Removal): Outcome {
  const lines = [
    removed.length === 0
      ? `stack ${stack}: nothing to remove`
      : `stack ${stack} is gone: ${removed.length} things removed`,
    ...kept.map((path) => `  kept  ${path}`),
  ];
  return { exitCode: EXIT.ok, json: { ok: true, stack, removed, kept }, text: `${lines.join("\n")}\n` };
}

async function confirmed(run: Run, question: string): Promise<boolean> {
  if (run.confirm !== undefined) return run.confirm(question);
  throw new DayzeroError(
    "CONFIRMATION_NEEDED",
    "down asks before it removes a stack, and there is no terminal to ask on",
    {
      hint: "say --yes if you are sure",
    },
  );
}

async function phase<Result>(
  run: Run,
  name: string,
  work: (wait: (message: string) => void) => Promise<Result>,
): Promise<Result> {
  const since = performance.now();
  run.narrator.tell({ kind: "phase-started", phase: name });
  let ok = false;
  try {
    const result = await work((message) => run.narrator.tell({ kind: "waiting", phase: name, message }));
    ok = true;
    return result;
  } finally {
    run.narrator.tell({ kind: "phase-finished", phase: name, ms: performance.now() - since, ok });
  }
}
