import { access, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DayzeroError } from "../config/DayzeroError.ts";
import { type StackSpec, toPulumiConfig } from "../config/StackSpec.ts";
import { Secret } from "../credentials/Secret.ts";
import type { ConvergeEvent } from "../hosts/converge/ConvergeEvent.ts";
import { type ConvergeResult, converge } from "../hosts/converge/converge.ts";
import type { Context } from "../resources/Resource.ts";
import { loadResource } from "../resources/registry.ts";
import type { Tool } from "../toolchain/ensureTools.ts";
import { convergeNarration } from "./convergeNarration.ts";
import { createContext } from "./createContext.ts";
import { findGit } from "./findGit.ts";
import { holdStack } from "./holdStack.ts";
import { type LoadedStack, loadStack, type SpecOptions } from "./loadStack.ts";
import { provideTools } from "./provideTools.ts";
import type { Run } from "./Run.ts";
import { rememberChoice } from "./StackMemory.ts";

export interface ConvergeOptions extends SpecOptions {
  readonly identity?: string;
  readonly mirror?: string;
}

export interface Converged {
  readonly loaded: LoadedStack;
  readonly context: Context;
  readonly result: ConvergeResult;
  readonly tools: readonly Tool[];
}

/**
 * One run of the stack's program: `up`, or `plan` with `dryRun`, which writes nothing that lasts.
 *
 * `then` is called while the stack is still held, with the clients of the run.
 */
export async function convergeStack<Result>(
  run: Run,
  stack: string,
  options: ConvergeOptions & { dryRun: boolean; onEvent?: (event: ConvergeEvent) => void },
  then: (converged: Converged) => Promise<Result>,
): Promise<Result> {
  const { dryRun } = options;
  const identity = options.identity === undefined ? undefined : await readIdentity(run, options.identity);
  // Looked at before anything is made, so that a mistake leaves nothing behind, and again when nobody else can change it.
  await programOf(run, (await loadStack(run, stack, options)).spec);
  const lock = dryRun ? undefined : await holdStack(run, stack, options);
  try {
    const loaded = await loadStack(run, stack, options);
    const { spec, layout, choice } = loaded;
    const program = await programOf(run, spec);
    if (options.repo === undefined && choice.source !== undefined) {
      run.narrator.tell({ kind: "note", message: `using ${choice.source}, remembered from an earlier --repo` });
    }
    if (!dryRun) await rememberChoice(layout, choice);
    const [git, tools] = await Promise.all([findGit(run), provideTools(run, options)]);
    const { context, close } = createContext({
      stack,
      layout,
      dryRun,
      signal: run.signal,
      program: run.program,
      tools: new Map([["git", git], ...tools.map(({ name, path }) => [name, path] as const)]),
      ...(identity === undefined ? {} : { identity }),
      narrate: (message) => run.narrator.tell({ kind: "note", message }),
    });
    const narration = convergeNarration(run.narrator);
    try {
      const result = await converge({
        stack,
        project: "dayzero",
        program,
        config: { ...toPulumiConfig(spec), "dayzero:argocdCrds": context.tool("argocd-crds").join() },
        dryRun,
        context,
        handlers: loadResource,
        onEvent: (event) => {
          narration.tell(event);
          options.onEvent?.(event);
        },
        node: run.program[0],
        environment: childEnvironment(run, layout.home),
        signal: run.signal,
      });
      narration.close();
      return await then({ loaded, context, result, tools });
    } finally {
      narration.close();
      close();
    }
  } finally {
    await lock?.release();
  }
}

/** What the program gets of the person's environment: nothing that leads to a credential of theirs. */
function childEnvironment(run: Run, home: string): Record<string, string> {
  const passed = Object.entries(run.environment).filter(([name]) => /^(PATH|LANG|LC_\w+|TZ|TMPDIR)$/.test(name));
  return { ...Object.fromEntries(passed), HOME: home };
}

async function programOf(run: Run, { program: name }: StackSpec): Promise<string> {
  const program = join(run.projectDirectory, "stacks", `${name}.ts`);
  await access(program).catch((cause: unknown) => {
    throw new DayzeroError("STACK_INVALID", `no program stacks/${name}.ts`, {
      cause,
      hint: "correct config.dayzero:program in the stack's file",
    });
  });
  return program;
}

async function readIdentity(run: Run, file: string): Promise<Secret> {
  const path = resolve(run.workingDirectory, file);
  try {
    return new Secret(await readFile(path, "utf8"));
  } catch (cause) {
    throw new DayzeroError("USAGE", `cannot read the age identity ${path}`, {
      cause,
      hint: "name an age identity file with --identity",
    });
  }
}
