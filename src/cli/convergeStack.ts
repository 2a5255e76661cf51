import { access, mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DayzeroError } from "../config/DayzeroError.ts";
import { toPulumiConfig } from "../config/StackSpec.ts";
import { Secret } from "../credentials/Secret.ts";
import { FileLock } from "../machine/FileLock.ts";
import { converge } from "../hosts/converge/converge.ts";
import type { ConvergeEvent } from "../hosts/converge/ConvergeEvent.ts";
import type { Context } from "../resources/Resource.ts";
import { convergeNarration } from "./convergeNarration.ts";
import { createContext } from "./createContext.ts";
import { type LoadedStack, loadStack, locateStack, type SpecOptions } from "./loadStack.ts";
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
}

/**
 * One run of the stack's program: `up`, or `plan` with `dryRun`, which writes nothing that lasts.
 *
 * `then` is called while the stack is still held, with the clients of the run.
 */
export async function convergeStack<Result>(
  run: Run,
  stack: string,
  options: ConvergeOptions & { dryRun: boolean; onEvent: (event: ConvergeEvent) => void },
  then: (converged: Converged) => Promise<Result>,
): Promise<Result> {
  const { dryRun } = options;
  const lock = dryRun ? undefined : await holdStack(run, stack, options);
  try {
    const loaded = await loadStack(run, stack, options);
    const { spec, layout, choice } = loaded;
    const program = await programOf(run, spec.program);
    const identity = options.identity === undefined ? undefined : await readIdentity(run, options.identity);
    if (!dryRun) await rememberChoice(layout, choice);
    const tools = await provideTools(run, options);
    const { context, close } = createContext({
      stack,
      layout,
      dryRun,
      signal: run.signal,
      program: run.program,
      tools: new Map(tools.map(({ name, path }) => [name, path])),
      ...(identity === undefined ? {} : { identity }),
      narrate: (message) => run.narrator.tell({ kind: "note", message }),
    });
    try {
      const narrate = convergeNarration(run.narrator);
      const { handlers } = await import("../resources/registry.ts");
      await converge({
        stack,
        project: "dayzero",
        program,
        config: toPulumiConfig(spec),
        dryRun,
        context,
        handlers,
        onEvent: (event) => {
          narrate(event);
          options.onEvent(event);
        },
        node: run.program[0],
        environment: run.environment,
        signal: run.signal,
      });
      return await then({ loaded, context });
    } finally {
      close();
    }
  } finally {
    await lock?.release();
  }
}

/** Waits until nobody else on this machine changes the stack, and says whom it waits for. */
export async function holdStack(run: Run, stack: string, options: SpecOptions): Promise<FileLock> {
  const layout = locateStack(run, stack, options);
  await mkdir(layout.directory, { recursive: true, mode: 0o700 });
  return FileLock.acquire({
    path: layout.lock,
    onWait: ({ pid }) => run.narrator.tell({ kind: "note", message: `waiting for process ${pid}, which works on stack ${stack}` }),
    signal: run.signal,
  });
}

async function programOf(run: Run, name: string): Promise<string> {
  const program = join(run.projectDirectory, "stacks", `${name}.ts`);
  await access(program).catch((cause: unknown) => {
    throw new DayzeroError("STACK_INVALID", `no program stacks/${name}.ts`, { cause, hint: "correct config.dayzero:program in the stack's file" });
  });
  return program;
}

async function readIdentity(run: Run, file: string): Promise<Secret> {
  const path = resolve(run.workingDirectory, file);
  try {
    return new Secret(await readFile(path, "utf8"));
  } catch (cause) {
    throw new DayzeroError("USAGE", `cannot read the age identity ${path}`, { cause, hint: "name an age identity file with --identity" });
  }
}
