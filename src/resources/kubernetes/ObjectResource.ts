import type { z } from "zod";
import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { LAST_APPLIED_ANNOTATION, NO_CREDENTIAL_ANNOTATION } from "../../manifests/marks.ts";
import { KubernetesHandler, type LiveObject, manifestSchema } from "./KubernetesHandler.ts";

/** Inputs are kept in Pulumi state: a password in them cannot be told from any other word, so no Secret is taken on trust. */
const inputs = manifestSchema.superRefine((object, check) => {
  const annotations = object.metadata.annotations ?? {};
  if (object.kind !== "Secret" || annotations[NO_CREDENTIAL_ANNOTATION] === "true") return;
  const refuse = (...path: string[]) => check.addIssue({ code: "custom", path, message: SECRET_REFUSED });
  if (!isEmpty(object.data)) refuse("data");
  if (!isEmpty(object.stringData)) refuse("stringData");
  if (LAST_APPLIED_ANNOTATION in annotations) refuse("metadata", "annotations", LAST_APPLIED_ANNOTATION);
});

const SECRET_REFUSED =
  "inputs are kept in Pulumi state, and this is what a Secret holds: let something else put it into the cluster (kubectl, or an " +
  `operator that fetches it), or say with the annotation ${NO_CREDENTIAL_ANNOTATION}: "true" that it holds none`;

/**
 * `dayzero:kubernetes:Object`: an object of any kind in the stack's own cluster; see {@link KubernetesHandler}.
 *
 * What a program says of it, and the little that it gets as outputs, is kept in Pulumi state: never a Secret's data, unless that is
 * declared to be none.
 */
class StackObjects extends KubernetesHandler<"dayzero:kubernetes:Object"> {
  override readonly inputs = inputs as unknown as z.ZodType<KubernetesManifest>;

  override outputs(live: LiveObject): object {
    const { metadata, status } = super.outputs(live) as KubernetesManifest;
    return { metadata, status };
  }
}

function isEmpty(data: unknown): boolean {
  return data === undefined || data === null || (typeof data === "object" && Object.keys(data).length === 0);
}

export const objectResource = new StackObjects({
  type: "dayzero:kubernetes:Object",
  connect: (ctx) => ctx.kubernetes(),
});
