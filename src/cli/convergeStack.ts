import { access, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DayzeroError } from "../config/DayzeroError.ts";
import { type StackSpec, toPulumiConfig } from "../config/StackSpec.ts";
import { Secret } from "../credentials/Secret.ts";
import { parseIdentities } from "../credentials/sealing.ts";
import type { ConvergeEvent } from "../hosts/converge/ConvergeEvent.ts";
import { type ConvergeResult, converge } from "../hosts/converge/converge.ts";
import type { Context } from "../resources/Resource.ts";
import { loadResource } from "../resources/registry.ts";
import type { Tool } from "../toolchain/ensureTools.ts";
import { checkNewSource } from "./checkNewSource.ts";
import { convergeNarration } from "./convergeNarration.ts";
import { createContext } from "./createContext.ts";
import { findGit } from "./findGit.ts";
import { holdStack } from "./holdStack.ts";
import { type LoadedStack, loadStack, type SpecOptions } from "./loadStack.ts";
import { provideTools } from "./provideTools.ts";
import type { Run } from "./Run.ts";
import { rememberChoice } from "./StackMemory.ts";
import { checkStateFolder } from "./stateFolder.ts";

const REPOSITORY = "dayzero:git:Repository";

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
  const before = await loadStack(run, stack, options);
  await programOf(run, before.spec);
  await checkStateFolder(before.layout.directory);
  if (options.repo !== undefined && before.choice.source !== before.remembered.source)
    await checkNewSource(run, before);
  const lock = dryRun ? undefined : await holdStack(run, stack, options);
  try {
    const loaded = await loadStack(run, stack, options);
    const { spec, layout, choice, remembered } = loaded;
    const program = await programOf(run, spec);
    if (options.repo === undefined && choice.source !== undefined) {
      run.narrator.tell({ kind: "note", message: `using ${choice.source}, remembered from an earlier --repo` });
    }
    if (!dryRun) await rememberChoice(layout, remembered);
    let accepted: Promise<void> | undefined;
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
          // Not before: a choice that was refused must not be what the next run without flags goes on with.
          if (!dryRun && event.kind === "resource-finished" && event.type === REPOSITORY) {
            accepted ??= rememberChoice(layout, choice);
            accepted.catch(() => undefined);
          }
          options.onEvent?.(event);
        },
        node: run.program[0],
        environment: childEnvironment(run, layout.home),
        signal: run.signal,
      });
      narration.close();
      if (!dryRun) await (accepted ?? rememberChoice(layout, choice));
      return await then({ loaded, context, result, tools });
    } finally {
      narration.close();
      close();
      await accepted?.catch(() => undefined);
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
    const identity = new Secret(await readFile(path, "utf8"));
    if (parseIdentities(identity, path).length > 0) return identity;
    throw new DayzeroError("AGE_IDENTITY_INVALID", `there is no age identity in ${path}`, {
      hint: "give a file as age-keygen writes it",
    });
  } catch (cause) {
    if (cause instanceof DayzeroError) throw cause;
    throw new DayzeroError("USAGE", `cannot read the age identity ${path}`, {
      cause,
      hint: "name an age identity file with --identity",
    });
  }
}
