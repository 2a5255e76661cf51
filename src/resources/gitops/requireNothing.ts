import { type KubernetesClient, referenceOf } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Manifest } from "../../manifests/argocd/Manifest.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { nameOf } from "../kubernetes/awaitReadiness.ts";

/**
 * Before an installation from nothing: what an earlier one left, or another Argo CD in another namespace uses (its cluster-wide roles
 * and definitions have the same names), is not taken over unasked. Throws ARGOCD_NOT_OWN, which names it.
 */
export async function requireNothing(
  client: KubernetesClient,
  { stack, objects }: { readonly stack: string; readonly objects: readonly Manifest[] },
): Promise<void> {
  const found = await Promise.all(objects.map((object) => client.get(referenceOf(object))));
  const foreign = found.flatMap((object) =>
    object === undefined || object.metadata.labels?.[STACK_LABEL] === stack ? [] : [nameOf(object)],
  );
  const [first] = foreign;
  if (first === undefined) return;
  const more = foreign.length > 1 ? ` and ${foreign.length - 1} more` : "";
  throw new DayzeroError(
    "ARGOCD_NOT_OWN",
    `cannot install Argo CD: ${first}${more} ${more === "" ? "is" : "are"} there already`,
    {
      hint: `to keep the Argo CD that is there, set dayzero:gitops.adopt; if none uses it any more, delete it, or give it the label ${STACK_LABEL}: ${stack} to hand it over`,
    },
  );
}
