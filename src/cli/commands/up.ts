import type { ConvergeEvent } from "../../hosts/converge/ConvergeEvent.ts";
import type { Context } from "../../resources/Resource.ts";
import type { Tool } from "../../toolchain/ensureTools.ts";
import { type ConvergeOptions, convergeStack } from "../convergeStack.ts";
import { EXIT } from "../exitCodes.ts";
import { askGitTrust, formatGitTrust } from "../GitTrust.ts";
import { kubectlOf } from "../kubectlOf.ts";
import { formatElapsed } from "../narrator/formatElapsed.ts";
import type { Outcome, Run } from "../Run.ts";
import { sortLedger } from "../sortLedger.ts";
import { askApplication } from "../status/askApplication.ts";
import { formatLedger } from "../status/formatSurvey.ts";

/** `dayzero up`: makes the world what the stack's program says, from whatever exists now. */
export async function up(run: Run, stack: string, options: ConvergeOptions): Promise<Outcome> {
  const since = performance.now();
  const phases = new Map<string, number>();
  const onEvent = (event: ConvergeEvent) => {
    if (event.kind === "phase-finished") phases.set(event.phase.name, event.ms);
  };
  return convergeStack(
    run,
    stack,
    { ...options, dryRun: false, onEvent },
    async ({ context, result, loaded, tools }) => {
      const { layout, spec } = loaded;
      // What it needs was loaded while the program started; before that, it would have held that up.
      const { recoveryProblems } = await import("../status/recoveryProblems.ts");
      const [application, generation, problems, gitTrust] = await Promise.all([
        askApplication(context),
        askGeneration(context),
        recoveryProblems(layout, context),
        spec.program === "existing" ? askGitTrust(context, spec) : undefined,
      ]);
      const controller = `Argo CD ${versionOf(tools)}`.trim();
      const elapsedMs = Math.round(performance.now() - since);
      const revision = application?.revision ?? null;
      const ledger = sortLedger(result.ledger);
      const changed = result.changes.filter(({ action }) => action !== "same" && action !== "keep").length;
      for (const message of problems) run.narrator.tell({ kind: "note", message });
      const repository = layout.repository(spec.repository.name);
      const adopted = spec.program === "existing" && spec.gitops.adopt !== undefined;
      const reconciled = `${application?.sync ?? "Unknown"} and ${application?.health ?? "Unknown"} at ${revision ?? "no revision"}`;
      const use =
        spec.program === "existing"
          ? [
              `  kubectl     ${kubectlOf(spec.cluster)}`,
              `  push        to ${spec.repository.source}, branch ${application?.branch ?? spec.repository.branch ?? "main"}`,
              ...(spec.gitops.agentImage === undefined
                ? [`  agent       run one, or the Git credential ends: dayzero manifests agent ${stack} --help`]
                : []),
            ]
          : [
              `  kubectl     ${kubectlOf({ kubeconfig: layout.kubeconfig })}`,
              `  clone       git clone ${repository}`,
              `  push        git push ${repository} HEAD:${application?.branch ?? "main"}`,
            ];
      const text = [
        `stack ${stack} is up: ${changed === 0 ? "nothing had to change" : `${changed} changed`}, ${formatElapsed(elapsedMs)}`,
        `  controller  ${adopted ? "Argo CD as it was: it and its Applications are not looked at" : `${controller}, ${reconciled}`}`,
        ...use,
        ...(gitTrust === undefined ? [] : ["", formatGitTrust(gitTrust)]),
        "",
        formatLedger(ledger, context.now(), run.columns),
      ].join("\n");
      return {
        exitCode: EXIT.ok,
        json: {
          ok: true,
          stack,
          elapsedMs,
          phases: [...phases].map(([name, ms]) => ({ name, ms })),
          revision,
          controller,
          generation,
          ...(gitTrust && { gitTrust }),
          ledger,
        },
        text: `${text}\n`,
      };
    },
  );
}

function versionOf(tools: readonly Tool[]): string {
  return tools.find(({ name }) => name === "argocd" || name === "argocd-manifests")?.version ?? "";
}

/** One life of a cluster: the first eight digits of its kube-system namespace's UID. */
async function askGeneration(context: Context): Promise<string | null> {
  const { generationResource } = await import("../../resources/cluster/GenerationResource.ts");
  return (await generationResource.read("generation", context))?.generation ?? null;
}
