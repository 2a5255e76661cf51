import type { Declared, Subject } from "../../audit/Subject.ts";
import type { Secret } from "../../credentials/Secret.ts";
import { convergeStack } from "../convergeStack.ts";
import { createContext } from "../createContext.ts";
import type { Narrator } from "../narrator/Narrator.ts";
import type { Run } from "../Run.ts";
import { assertKnown } from "../stack/assertKnown.ts";
import { loadStack, type StackOptions } from "../stack/loadStack.ts";
import { surveyStack } from "../status/surveyStack.ts";
import { askForToken, systemsOf } from "../systemsOf.ts";

/** What comes of the program's dry run is evidence; its own narration is noise here. */
const SILENT: Narrator = { tell: () => undefined, close: () => undefined };

/**
 * Gathers what an audit looks at. Nothing is changed, and whatever does not answer is for the checks to tell.
 *
 * Throws what is wrong with the stack's file, and `STACK_UNKNOWN`. Whoever opens it closes it.
 */
export async function openSubject(
  run: Run,
  stack: string,
  options: StackOptions,
): Promise<{ subject: Subject; close(): Promise<void> }> {
  const { spec, layout } = await loadStack(run, stack, options);
  if (spec.program === "local") await assertKnown(stack, layout);
  const memory = new Map<string, Secret>();
  await askForToken(run, spec, memory);
  const { context, close } = createContext({
    stack,
    layout,
    dryRun: true,
    signal: run.signal,
    program: run.program,
    tools: undefined,
    existing: systemsOf(spec, run),
    memory,
    narrate: () => undefined,
  });
  let declared: Promise<readonly Declared[]> | undefined;
  try {
    const { ledger } = await surveyStack(layout, context, spec.program === "existing" ? spec : undefined);
    const subject: Subject = {
      spec,
      layout,
      context,
      ledger,
      declared: () => {
        declared ??= dryRun(run, stack, options, memory);
        return declared;
      },
      secrets: async () => [],
    };
    return { subject, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A run of its own, with its own logins; a person was asked for their token already. */
function dryRun(
  run: Run,
  stack: string,
  options: StackOptions,
  memory: ReadonlyMap<string, Secret>,
): Promise<readonly Declared[]> {
  const [known] = memory.values();
  const askSecret = known === undefined ? undefined : async () => known;
  return convergeStack(
    { ...run, narrator: SILENT, askSecret },
    stack,
    { ...options, dryRun: true },
    async ({ result }) =>
      result.registered.map(({ urn, type, id, inputs, outputs, changes }) => ({
        ...{ urn, type, id, inputs, changes },
        outputs: outputs as Readonly<Record<string, unknown>>,
      })),
  );
}
