import { createContext } from "../createContext.ts";
import { EXIT } from "../exitCodes.ts";
import { kubectlOf } from "../kubectlOf.ts";
import type { Outcome, Run } from "../Run.ts";
import { assertMade } from "../stack/assertMade.ts";
import { assertStackKnown } from "../stack/assertStackKnown.ts";
import { loadStack, locateStack, type StackOptions } from "../stack/loadStack.ts";
import { formatSurvey } from "../status/formatSurvey.ts";
import { problemsOf } from "../status/problemsOf.ts";
import { surveyStack } from "../status/surveyStack.ts";
import { systemsOf } from "../systemsOf.ts";

/**
 * `dayzero status`: asks the live system, whatever of it is alive, and changes nothing. Exits 1 when the stack is not healthy.
 *
 * Of an existing cluster it needs the stack's file only. It asks nobody for a token: what needs one is told as not looked at.
 */
export async function status(run: Run, stack: string, options: StackOptions): Promise<Outcome> {
  const located = await locateStack(run, stack, options);
  await assertStackKnown(run, stack, located);
  const { layout, program } = located;
  const spec = program === "existing" ? (await loadStack(run, stack, options)).spec : undefined;
  if (spec === undefined) await assertMade(stack, layout);
  const { context, close } = createContext({
    stack,
    layout,
    dryRun: true,
    signal: run.signal,
    program: run.program,
    tools: undefined,
    existing: spec && systemsOf(spec, run),
    narrate: () => undefined,
  });
  try {
    const found = await surveyStack(layout, context, spec?.program === "existing" ? spec : undefined);
    const adopted = spec?.program === "existing" && spec.gitops.adopt !== undefined;
    // Its Applications are its owner's, whatever they are called.
    const survey = adopted ? { ...found, application: undefined } : found;
    const problems = problemsOf(survey, { program, adopted, now: context.now() });
    const healthy = problems.length === 0;
    const { processes, credentials, ledger, unobservable, application } = survey;
    const text = formatSurvey(stack, survey, {
      problems,
      adopted,
      kubectl: kubectlOf(spec?.program === "existing" ? spec.cluster : { kubeconfig: layout.kubeconfig }),
      now: context.now(),
      paint: run.paint,
      columns: run.columns,
    });
    return {
      exitCode: healthy ? EXIT.ok : EXIT.failed,
      json: {
        healthy,
        revision: application?.revision ?? null,
        problems,
        credentials,
        processes,
        ledger,
        unobservable,
      },
      text: `${text}\n`,
    };
  } finally {
    await close();
  }
}
