import { join } from "node:path";
import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { RepositoryChoice, StackSpec } from "../../config/StackSpec.ts";
import { readIfThere } from "../../machine/readIfThere.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";

const schema = z.strictObject({
  /** Not there in what was written before there was more than one. */
  program: z.enum(["local", "existing"]).optional(),
  source: z.string().optional(),
  branch: z.string().optional(),
  path: z.string().optional(),
});

/** What is remembered of a stack: the program that made it, and what `up` was told on the command line. */
export interface StackMemory extends RepositoryChoice {
  readonly program?: StackSpec["program"];
}

/** Where a stack remembers it. */
export function stackMemoryFile(layout: StackLayout): string {
  return join(layout.directory, "stack.json");
}

/** What an earlier `up` left; empty when there was none. Throws `STACK_FILE_UNREADABLE` when the file is not ours. */
export async function recallStack(layout: StackLayout): Promise<StackMemory> {
  const file = stackMemoryFile(layout);
  const text = await readIfThere(file);
  if (text === undefined) return {};
  try {
    const { program = "local", source, branch, path } = schema.parse(JSON.parse(text));
    return {
      program,
      ...(source === undefined ? {} : { source }),
      ...(branch === undefined ? {} : { branch }),
      ...(path === undefined ? {} : { path }),
    };
  } catch (cause) {
    throw new DayzeroError("STACK_FILE_UNREADABLE", `cannot read what was remembered of the stack in ${file}`, {
      cause,
      hint: "remove the file and name the repository with --repo once more",
    });
  }
}

/** That it is there at all marks the stack: it is written, as it was, before the first step. */
export async function rememberStack(layout: StackLayout, memory: StackMemory): Promise<void> {
  await writeFileAtomic(stackMemoryFile(layout), `${JSON.stringify(memory, undefined, 2)}\n`);
}
