import { COMPARE_CLOCKS, certificateProblem } from "../clients/certificateProblem.ts";
import { KubernetesError } from "../clients/KubernetesError.ts";
import { DayzeroError } from "../config/DayzeroError.ts";
import type { ExistingSpec } from "../config/StackSpec.ts";
import type { Context } from "../resources/Resource.ts";

/**
 * Whether the systems that have to be there already answer, and let the person in: without it a plan would take a wrong address for a
 * system that is yet to be made. Throws `CLUSTER_UNREACHABLE`, `CLUSTER_REFUSED`, or as Vault's login does.
 */
export async function assertAnswers(context: Context, { cluster, vault }: ExistingSpec): Promise<void> {
  const client = await context.kubernetes();
  try {
    await client.get({ apiVersion: "v1", kind: "Namespace", name: "kube-system" });
  } catch (cause) {
    if (!(cause instanceof KubernetesError)) throw cause;
    const refused = cause.status === 401 || cause.status === 403;
    const of = `of ${cluster.kubeconfig}${cluster.context === undefined ? "" : ` (context ${cluster.context})`}`;
    throw new DayzeroError(
      refused ? "CLUSTER_REFUSED" : "CLUSTER_UNREACHABLE",
      `cannot use the cluster at ${client.server}: ${cause.message}`,
      {
        cause,
        hint: refused
          ? `log in again, or give the user ${of} the rights of a cluster administrator`
          : hintFor(certificateProblem(cause), of),
      },
    );
  }
  if (vault.kind === "external") await context.vault();
}

function hintFor(problem: ReturnType<typeof certificateProblem>, of: string): string {
  switch (problem) {
    case "time":
      return COMPARE_CLOCKS;
    case "untrusted":
      return `if the certificate of the cluster ${of} was changed on purpose, get its kubeconfig anew; if not, somebody may be in between`;
    case undefined:
      return `see that the cluster ${of} runs and is reached from here`;
  }
}
