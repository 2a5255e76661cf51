import { join, relative, resolve } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { problemsError } from "../../config/Problem.ts";
import { absoluteSource, parseStackSpec, programOfFile, stateOfFile } from "../../config/parseStackSpec.ts";
import { parseYaml } from "../../config/parseYaml.ts";
import type { RepositoryChoice, StackSpec } from "../../config/StackSpec.ts";
import { checkName } from "../../config/stackRules.ts";
import { readIfThere } from "../../machine/readIfThere.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import type { Run } from "../Run.ts";
import { assertSameProgram } from "./assertSameProgram.ts";
import { findProject, type Project, stackFileOf } from "./findProject.ts";
import { recallStack } from "./StackMemory.ts";

export interface StackOptions {
  /** Folder of the stacks' state, as the person wrote it; by default what the stack's file or the project says. */
  readonly state?: string;
}

export interface SpecOptions extends StackOptions {
  readonly repo?: string;
  readonly branch?: string;
  readonly path?: string;
}

/** Where a stack is, whatever its file says of the rest. */
export interface LocatedStack {
  readonly project: Project;
  readonly layout: StackLayout;
  /** What made the stack, or would: an earlier run tells, else the file. */
  readonly program: StackSpec["program"];
}

export interface LoadedStack extends LocatedStack {
  readonly spec: StackSpec;
  /** What to remember of the command line, for the next run without flags. */
  readonly choice: RepositoryChoice;
  /** What is remembered of an earlier run. */
  readonly remembered: RepositoryChoice;
}

/** Where a stack's state lies. Throws `STACK_INVALID` for what cannot be a stack's name. Writes nothing. */
export async function locateStack(run: Run, stack: string, options: StackOptions): Promise<LocatedStack> {
  const problems = checkName("stack", stack);
  if (problems.length > 0) throw problemsError(`cannot use stack ${JSON.stringify(stack)}`, problems);
  const project = await findProject(run);
  const file = await readStackFile(run, project, stack);
  const layout = layoutOf(run, project, stack, file, options);
  const { program = programOfFile(file) ?? "local" } = await recallStack(layout);
  return { project, layout, program };
}

/** Reads the stack's file and what it remembers, and checks both together with the flags. Writes nothing. */
export async function loadStack(run: Run, stack: string, options: SpecOptions): Promise<LoadedStack> {
  const { project, layout, program } = await locateStack(run, stack, options);
  const { program: _, ...remembered } = await recallStack(layout);
  // A newly named repository has its own branch and path: what was remembered belongs to the old one.
  const choice: RepositoryChoice = {
    ...(options.repo === undefined ? remembered : { source: absoluteSource(options.repo, run.workingDirectory) }),
    ...(options.branch === undefined ? {} : { branch: options.branch }),
    ...(options.path === undefined ? {} : { path: options.path }),
  };
  const spec = parseStackSpec({
    stack,
    file: await readStackFile(run, project, stack),
    fileDirectory: project.directory,
    flags: choice,
    workingDirectory: run.workingDirectory,
    home: run.environment.HOME,
  });
  assertSameProgram(spec, program);
  return { project, layout, program, spec, choice, remembered };
}

function layoutOf(run: Run, project: Project, stack: string, file: unknown, options: StackOptions): StackLayout {
  const home = run.environment.HOME;
  const state =
    options.state === undefined
      ? (stateOfFile({ file, fileDirectory: project.directory, home }) ?? project.state)
      : resolve(run.workingDirectory, options.state);
  return new StackLayout(join(state, stack));
}

/** Parsed `Pulumi.<stack>.yaml`; undefined when there is none: every setting of a local stack has a default. */
async function readStackFile(run: Run, project: Project, stack: string): Promise<unknown> {
  const file = stackFileOf(project, stack);
  const shown = relative(run.workingDirectory, file);
  const text = await readIfThere(file).catch((cause: unknown) => {
    throw new DayzeroError("STACK_FILE_UNREADABLE", `cannot read ${shown}`, {
      cause,
      hint: "make it a file that you may read, and run it again",
    });
  });
  if (text === undefined) return undefined;
  try {
    return parseYaml(text);
  } catch (cause) {
    // The parser's message quotes the file, and a line of it may be what nobody should see: only the place is told.
    const at = (cause as { linePos?: [{ line: number; col: number }] }).linePos?.[0];
    const place = at === undefined ? "" : ` at line ${at.line}, column ${at.col}`;
    throw new DayzeroError("STACK_FILE_UNREADABLE", `cannot parse ${shown} as YAML${place}`, {
      hint: "correct the file and run it again",
    });
  }
}
