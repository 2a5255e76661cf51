import { toPulumiConfig } from "../config/parseStackSpec.ts";
import type { RepositoryChoice } from "../config/StackSpec.ts";
import type { Secret } from "../credentials/Secret.ts";
import type { ConvergeEvent } from "../hosts/converge/ConvergeEvent.ts";
import { type ConvergeResult, converge } from "../hosts/converge/converge.ts";
import { loadX509 } from "../machine/issueCertificate.ts";
import type { Context } from "../resources/Resource.ts";
import { loadResource } from "../resources/registry.ts";
import type { Tool } from "../toolchain/ensureTools.ts";
import { assertAnswers } from "./assertAnswers.ts";
import { convergeNarration } from "./convergeNarration.ts";
import { createContext } from "./createContext.ts";
import { findGit } from "./findGit.ts";
import { lookAtNewSource } from "./lookAtNewSource.ts";
import { provideTools } from "./provideTools.ts";
import type { Run } from "./Run.ts";
import { readIdentity } from "./readIdentity.ts";
import { assertStackKnown } from "./stack/assertStackKnown.ts";
import { findProgram } from "./stack/findProject.ts";
import { holdStack } from "./stack/holdStack.ts";
import { type LoadedStack, loadStack, type SpecOptions } from "./stack/loadStack.ts";
import { rememberStack } from "./stack/StackMemory.ts";
import { checkStateFolder } from "./stack/stateFolder.ts";
import { askForToken, systemsOf } from "./systemsOf.ts";
import { toolsOf } from "./toolsOf.ts";

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
  const memory = new Map<string, Secret>();
  if (options.identity !== undefined) memory.set("age-identity", await readIdentity(run, options.identity));
  // Looked at before anything is made, so that a mistake leaves nothing behind, and again when nobody else can change it.
  const before = await loadStack(run, stack, options);
  await assertStackKnown(run, stack, before);
  const program = await findProgram(before.project);
  await checkStateFolder(before.layout.directory);
  if (options.repo !== undefined && before.choice.source !== before.remembered.source)
    await lookAtNewSource(run, before);
  await askForToken(run, before.spec, memory);
  // Before the stack is held: while it is, nobody restarts what dies of it, and tools may take a quarter of an hour.
  const tools = await provideTools(run, { mirror: options.mirror, names: toolsOf(before.spec.program) });
  const lock = dryRun ? undefined : await holdStack(run, stack, before.layout);
  try {
    const loaded = await loadStack(run, stack, options);
    const { project, spec, layout, choice, remembered } = loaded;
    if (options.repo === undefined && choice.source !== undefined) {
      run.narrator.tell({ kind: "note", message: `using ${choice.source}, remembered from an earlier --repo` });
    }
    const remember = (told: RepositoryChoice) => rememberStack(layout, { ...told, program: spec.program });
    if (!dryRun) await remember(remembered);
    let accepted: Promise<void> | undefined;
    const paths = new Map(tools.map(({ name, path }) => [name, path]));
    if (spec.program === "local") paths.set("git", await findGit(run));
    const { context, close } = createContext({
      stack,
      layout,
      dryRun,
      signal: run.signal,
      program: run.program,
      tools: paths,
      existing: systemsOf(spec, run),
      memory,
      narrate: (message) => run.narrator.tell({ kind: "note", message }),
    });
    const narration = convergeNarration(run.narrator);
    try {
      if (spec.program === "existing") await assertAnswers(context, spec);
      const result = await converge({
        stack,
        project: project.name,
        program,
        config: toPulumiConfig(spec),
        dryRun,
        context,
        shared: spec.program === "existing",
        handlers: loadResource,
        // Each run signs at least its administrator's certificate.
        ...(spec.program === "local" ? { preload: loadX509 } : {}),
        onEvent: (event) => {
          narration.tell(event);
          // Not before: a choice that was refused must not be what the next run without flags goes on with.
          if (!dryRun && event.kind === "resource-finished" && event.type === REPOSITORY) {
            accepted ??= remember(choice);
            accepted.catch(() => undefined);
          }
          options.onEvent?.(event);
        },
        node: run.program[0],
        environment: childEnvironment(run, layout.home),
        signal: run.signal,
      });
      narration.close();
      if (!dryRun) await (accepted ?? remember(choice));
      return await then({ loaded, context, result, tools });
    } finally {
      narration.close();
      await close();
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
