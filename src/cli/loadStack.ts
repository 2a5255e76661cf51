import { readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parse } from "yaml";
import { DayzeroError } from "../config/DayzeroError.ts";
import { problemsError } from "../config/Problem.ts";
import { absoluteSource, parseStackSpec, type RepositoryChoice, type StackSpec } from "../config/StackSpec.ts";
import { checkName } from "../config/stackRules.ts";
import { StackLayout } from "../machine/StackLayout.ts";
import type { Run } from "./Run.ts";
import { recallChoice } from "./StackMemory.ts";

export interface StackOptions {
  /** Folder of the stacks' state, as the person wrote it. */
  readonly state: string;
}

export interface SpecOptions extends StackOptions {
  readonly repo?: string;
  readonly branch?: string;
  readonly path?: string;
}

export interface LoadedStack {
  readonly spec: StackSpec;
  readonly layout: StackLayout;
  /** What to remember of the command line, for the next run without flags. */
  readonly choice: RepositoryChoice;
  /** What is remembered of an earlier run. */
  readonly remembered: RepositoryChoice;
}

/** Where a stack's state lies. Throws `STACK_INVALID` for what cannot be a stack's name. */
export function locateStack(run: Run, stack: string, options: StackOptions): StackLayout {
  const problems = checkName("stack", stack);
  if (problems.length > 0) throw problemsError(`cannot use stack ${JSON.stringify(stack)}`, problems);
  return new StackLayout(join(resolve(run.workingDirectory, options.state), stack));
}

/** Reads the stack's file and what it remembers, and checks both together with the flags. Writes nothing. */
export async function loadStack(run: Run, stack: string, options: SpecOptions): Promise<LoadedStack> {
  const layout = locateStack(run, stack, options);
  const remembered = await recallChoice(layout);
  // A newly named repository has its own branch and path: what was remembered belongs to the old one.
  const choice: RepositoryChoice = {
    ...(options.repo === undefined ? remembered : { source: absoluteSource(options.repo, run.workingDirectory) }),
    ...(options.branch === undefined ? {} : { branch: options.branch }),
    ...(options.path === undefined ? {} : { path: options.path }),
  };
  const spec = parseStackSpec({
    stack,
    file: await readStackFile(run, stack),
    fileDirectory: run.projectDirectory,
    flags: choice,
    workingDirectory: run.workingDirectory,
  });
  return { spec, layout, choice, remembered };
}

/** Parsed `stacks/Pulumi.<stack>.yaml`; undefined when there is none: every setting has a default. */
async function readStackFile(run: Run, stack: string): Promise<unknown> {
  const file = join(run.projectDirectory, "stacks", `Pulumi.${stack}.yaml`);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return parse(text) as unknown;
  } catch (cause) {
    // The parser's message quotes the file, and a line of it may be what nobody should see: only the place is told.
    const at = (cause as { linePos?: [{ line: number; col: number }] }).linePos?.[0];
    const place = at === undefined ? "" : ` at line ${at.line}, column ${at.col}`;
    const shown = relative(run.workingDirectory, file);
    throw new DayzeroError("STACK_FILE_UNREADABLE", `cannot parse ${shown} as YAML${place}`, {
      hint: "correct the file and run it again",
    });
  }
}
