import { readdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { nearestKey } from "../../config/nearestKey.ts";
import { exists } from "../../machine/exists.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import type { Run } from "../Run.ts";
import { type Project, stackFileOf } from "./findProject.ts";
import type { LocatedStack } from "./loadStack.ts";
import { stackMemoryFile } from "./StackMemory.ts";

/** The stack of whoever names none; it needs no file. */
const DEFAULT = "local";

/**
 * Throws `STACK_UNKNOWN` for a name that neither a file nor an earlier run knows: a misspelt one would bring up a platform of its own,
 * in place of changing the stack that was meant.
 */
export async function assertStackKnown(run: Run, stack: string, { project, layout }: LocatedStack): Promise<void> {
  const file = stackFileOf(project, stack);
  if (stack === DEFAULT || (await exists(file)) || (await exists(stackMemoryFile(layout)))) return;
  const nearest = nearestKey(stack, await knownStacks(project, dirname(layout.directory)));
  const shown = relative(run.workingDirectory, file);
  // Outside of any project the package's own serves, and nobody's files belong into that.
  const make =
    project.state === join(project.directory, ".dayzero")
      ? `for a new local stack write "config: {}" into ${shown}`
      : `for a new stack make a project: dayzero init --stack ${stack}`;
  throw new DayzeroError(
    "STACK_UNKNOWN",
    `there is no stack ${JSON.stringify(stack)}: it has neither ${shown} nor a state`,
    {
      hint: nearest === undefined ? make : `did you mean "${nearest}"? ${make}`,
    },
  );
}

async function knownStacks(project: Project, state: string): Promise<string[]> {
  const [files, folders] = await Promise.all([namesIn(project.stackFiles), namesIn(state)]);
  const filed = files.flatMap((name) => /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1] ?? []);
  const made = await Promise.all(
    folders.map(async (name) => ((await exists(stackMemoryFile(new StackLayout(join(state, name))))) ? [name] : [])),
  );
  return [DEFAULT, ...filed, ...made.flat()];
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
