import { join } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { OpenStack } from "../../hosts/plugin/StackAccess.ts";
import { servePlugin } from "../../hosts/plugin/servePlugin.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { EXIT } from "../exitCodes.ts";
import type { Narration, Narrator } from "../narrator/Narrator.ts";
import { packageVersion } from "../packageVersion.ts";
import type { Outcome, Run } from "../Run.ts";

/** Of the engine: `127.0.0.1:40123`. */
const ADDRESS = /^[^\s:/]+:\d{1,5}$/;

/**
 * `dayzero provider [engine]`: the plugin that Pulumi's engine starts. Says the port that it listens on, and nothing else; what people
 * are to read goes to the engine.
 */
export async function provider(run: Run, engine: string | undefined): Promise<Outcome> {
  if (engine !== undefined && !ADDRESS.test(engine)) {
    throw new DayzeroError("USAGE", `cannot serve an engine at ${JSON.stringify(engine)}: that is not <host>:<port>`, {
      hint: "Pulumi's engine starts this command by itself: run `pulumi up`",
    });
  }
  await servePlugin({
    engine,
    version: await packageVersion(),
    openStack: async (request) => openStack(run, request),
    onListening: (port) => process.stdout.write(`${port}\n`),
    signal: run.signal,
  });
  return { exitCode: EXIT.ok, json: undefined, text: "" };
}

/** The stack as `dayzero up` finds it. All of it is loaded here: the engine waits for the port, and not every run needs a stack. */
async function openStack(run: Run, { stack, config, signal }: Parameters<OpenStack>[0]): ReturnType<OpenStack> {
  const [
    { parsePulumiConfig },
    { findProject },
    { recallStack, rememberStack },
    { assertSameProgram },
    { createContext },
    { systemsOf },
  ] = await Promise.all([
    import("../../config/parseStackSpec.ts"),
    import("../stack/findProject.ts"),
    import("../stack/StackMemory.ts"),
    import("../stack/assertSameProgram.ts"),
    import("../createContext.ts"),
    import("../systemsOf.ts"),
  ]);
  const { StackLayout } = await import("../../machine/StackLayout.ts");
  const project = await findProject(run);
  const own = Object.entries(config).map(([key, value]) => [`dayzero:${key}`, value]);
  const spec = parsePulumiConfig(Object.fromEntries(own), {
    stack,
    directory: project.directory,
    home: run.environment.HOME,
  });
  const layout = new StackLayout(join(spec.state ?? project.state, stack));
  const { program, ...remembered } = await recallStack(layout);
  assertSameProgram(spec, program);
  const tools = new Map<string, string>();
  const { context, close } = createContext({
    stack,
    layout,
    dryRun: false,
    signal,
    program: run.program,
    tools,
    existing: systemsOf(spec, run),
    narrate: () => undefined,
  });
  return {
    context,
    shared: spec.program === "existing",
    remembered,
    close,
    async provideTools(narrate) {
      const [{ provideTools }, { toolsOf }, { findGit }] = await Promise.all([
        import("../provideTools.ts"),
        import("../toolsOf.ts"),
        import("../findGit.ts"),
      ]);
      const narrator: Narrator = { tell: (event) => narrate(narrationText(event)), close: () => undefined };
      const { environment } = run;
      const found = await provideTools({ environment, narrator, signal }, { names: toolsOf(spec.program) });
      for (const { name, path } of found) tools.set(name, path);
      if (spec.program === "local") tools.set("git", await findGit(run));
    },
    async hold(wait) {
      const { makeStateFolder } = await import("../stack/stateFolder.ts");
      await makeStateFolder(layout.directory);
      const lock = await acquire(layout, stack, { ...wait, signal });
      await rememberStack(layout, { ...remembered, program: spec.program });
      return lock;
    },
  };
}

async function acquire(
  layout: StackLayout,
  stack: string,
  { narrate, patienceMs, signal }: { narrate: (message: string) => void; patienceMs: number; signal: AbortSignal },
): Promise<{ release(): Promise<void> }> {
  const { FileLock } = await import("../../machine/FileLock.ts");
  let holder = 0;
  const patience = AbortSignal.timeout(patienceMs);
  try {
    return await FileLock.acquire({
      path: layout.lock,
      onWait: ({ pid }) => {
        holder = pid;
        narrate(`waiting for process ${pid}, which works on stack ${stack}`);
      },
      signal: AbortSignal.any([signal, patience]),
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!patience.aborted) throw error;
    throw new DayzeroError("STACK_BUSY", `stack "${stack}" is being changed by process ${holder} of this machine`, {
      hint: "wait until it is done",
    });
  }
}

function narrationText(event: Narration): string {
  if (event.kind === "note") return event.message;
  return "message" in event ? `${event.phase}: ${event.message}` : event.phase;
}
