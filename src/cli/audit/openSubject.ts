import { access, constants } from "node:fs/promises";
import { resolve } from "node:path";
import type { LiveSecrets } from "../../audit/LiveSecret.ts";
import type { Declared, Subject } from "../../audit/Subject.ts";
import { gatherSecrets } from "../../audit/secrets/gatherSecrets.ts";
import { readCanaries } from "../../audit/secrets/readCanaries.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Secret } from "../../credentials/Secret.ts";
import { UNKNOWN } from "../../hosts/propertyValues.ts";
import { convergeStack } from "../convergeStack.ts";
import { createContext } from "../createContext.ts";
import type { Narrator } from "../narrator/Narrator.ts";
import type { Run } from "../Run.ts";
import { readIdentity } from "../readIdentity.ts";
import { assertMade } from "../stack/assertMade.ts";
import { loadStack, type StackOptions } from "../stack/loadStack.ts";
import { surveyStack } from "../status/surveyStack.ts";
import { askForToken, systemsOf } from "../systemsOf.ts";

export interface AuditSubjectOptions extends StackOptions {
  /** File of age identities, to know the shares that they seal. */
  readonly identity?: string;
  /** File of planted values to look for besides. */
  readonly canary?: string;
  /** File that `pulumi stack export` wrote. */
  readonly pulumiState?: string;
}

/** What comes of the program's dry run is evidence; its own narration is noise here. */
const SILENT: Narrator = { tell: () => undefined, close: () => undefined };

/**
 * Gathers what an audit looks at. Nothing is changed, and whatever does not answer is for the checks to tell.
 *
 * Throws what is wrong with the stack's file or the files that options name, and `STACK_UNKNOWN`. Whoever opens it closes it.
 */
export async function openSubject(
  run: Run,
  stack: string,
  options: AuditSubjectOptions,
): Promise<{ subject: Subject; close(): Promise<void> }> {
  const { spec, layout, project } = await loadStack(run, stack, options);
  if (spec.program === "local") await assertMade(stack, layout);
  const given = (file: string | undefined) => (file === undefined ? undefined : resolve(run.workingDirectory, file));
  const pulumiState = given(options.pulumiState);
  if (pulumiState !== undefined) await checkReadable(pulumiState);
  const [canaryFile, identity] = [given(options.canary), options.identity];
  const canaries = canaryFile === undefined ? [] : await readCanaries(canaryFile);
  const typed = new Map<string, Secret>();
  await askForToken(run, spec, typed);
  const memory = new Map(typed);
  if (identity !== undefined) memory.set("age-identity", await readIdentity(run, identity));
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
  let secrets: Promise<LiveSecrets> | undefined;
  try {
    const { ledger } = await surveyStack(layout, context, spec.program === "existing" ? spec : undefined);
    const subject: Subject = {
      spec,
      layout,
      context,
      auditor: { environment: run.environment, project: project.directory, pulumiState },
      ledger,
      declared: () => {
        declared ??= dryRun(run, stack, options, typed);
        return declared;
      },
      secrets: () => {
        secrets ??= gatherSecrets({ spec, layout, context, ledger }, canaries);
        return secrets;
      },
    };
    return { subject, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function checkReadable(file: string): Promise<void> {
  await access(file, constants.R_OK).catch((cause: unknown) => {
    throw new DayzeroError("USAGE", `cannot read Pulumi's state from ${file}`, {
      cause,
      hint: "name a file that `pulumi stack export` wrote with --pulumi-state",
    });
  });
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
        waits: JSON.stringify(inputs).includes(UNKNOWN),
        outputs: outputs as Readonly<Record<string, unknown>>,
      })),
  );
}
