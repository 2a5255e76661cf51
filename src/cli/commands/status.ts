import { access } from "node:fs/promises";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { createContext } from "../createContext.ts";
import { EXIT } from "../exitCodes.ts";
import { locateStack, type StackOptions } from "../loadStack.ts";
import type { Outcome, Run } from "../Run.ts";
import { stackMemoryFile } from "../StackMemory.ts";
import { formatSurvey } from "../status/formatSurvey.ts";
import { problemsOf } from "../status/problemsOf.ts";
import { surveyStack } from "../status/surveyStack.ts";

/** `dayzero status`: asks the live system, whatever of it is alive, and changes nothing. Exits 1 when the stack is not healthy. */
export async function status(run: Run, stack: string, options: StackOptions): Promise<Outcome> {
  const layout = locateStack(run, stack, options);
  await access(stackMemoryFile(layout)).catch(() => {
    throw new DayzeroError("STACK_UNKNOWN", `there is no stack ${JSON.stringify(stack)} in ${options.state}`, {
      hint: stack === "local" ? "make it with dayzero up" : `make it with dayzero up ${stack}`,
    });
  });
  const { context, close } = createContext({
    stack,
    layout,
    dryRun: true,
    signal: run.signal,
    program: run.program,
    tools: undefined,
    narrate: () => undefined,
  });
  try {
    const survey = await surveyStack(layout, context);
    const problems = problemsOf(survey, context.now());
    const healthy = problems.length === 0;
    const { processes, credentials, ledger, unobservable, application } = survey;
    const text = formatSurvey(stack, survey, {
      problems,
      kubeconfig: layout.kubeconfig,
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
    close();
  }
}
