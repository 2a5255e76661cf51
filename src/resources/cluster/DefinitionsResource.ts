import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { KubernetesClient, KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { awaitReadiness } from "../kubernetes/awaitReadiness.ts";
import { deleteAndWait } from "../kubernetes/deleteAndWait.ts";
import { readinessOf } from "../kubernetes/readiness.ts";
import type { Context, Resource } from "../Resource.ts";

const inputs = z.strictObject({
  /** Whose kinds they are: `argocd`. */
  name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "is not a plain name"),
  /** Name of the pinned folder that has them. */
  tool: z.string().min(1),
  /** Files of that folder (YAML), one CustomResourceDefinition each. */
  files: z.array(z.string().regex(/^\w[\w.-]*$/, "is not a plain file name")).min(1),
});

export type DefinitionsInputs = z.infer<typeof inputs>;

export interface DefinitionsLive {
  /** SHA-256 of the file that each definition was made from, sorted; `changed` for one that somebody changed since, or that is not served yet. */
  readonly applied: readonly string[];
  /** The same of the files as they are now; empty when only looked for. */
  readonly declared: readonly string[];
}

const KIND = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" } as const;
const NAME_LABEL = "dayzero.dev/definitions";
const DIGEST_ANNOTATION = "dayzero.dev/manifest-digest";
/** `metadata.generation` that the apply leads to: the server counts it up whenever anybody changes the definition. */
const GENERATION_ANNOTATION = "dayzero.dev/manifest-generation";

/**
 * `dayzero:cluster:Definitions`: another project's CustomResourceDefinitions, from files of the toolchain.
 *
 * They do not go through the program as Kubernetes objects do: one of Argo CD's is 400 KB, and carrying it over gRPC and back at each
 * run cost seconds and 150 MB. What tells a change is the digest of the file and the generation that applying it led to.
 */
export const definitionsResource: Resource<DefinitionsInputs, DefinitionsLive> = {
  type: "dayzero:cluster:Definitions",
  inputs,
  id: inputs.shape.name,
  identify: ({ name }) => name,

  async read(name, ctx, desired) {
    const [live, files] = await Promise.all([
      definitions(await ctx.kubernetes(), { name, stack: ctx.stack }),
      desired === undefined ? [] : readDefinitions(desired, ctx),
    ]);
    if (live.length === 0) return undefined;
    return {
      applied: live.map(digestOf).sort(),
      declared: files.map(({ digest }) => digest).sort(),
    };
  },

  plan(live) {
    if (live === undefined) return [{ action: "create", path: "" }];
    if (live.applied.join() === live.declared.join()) return [];
    return [{ action: "update", path: "files", before: live.applied.join(", "), after: live.declared.join(", ") }];
  },

  /** What is declared is compared with, not found: an import does not know it. */
  outputs: ({ applied }) => ({ applied }),

  async apply(_changes, desired, ctx) {
    const { name } = desired;
    const client = await ctx.kubernetes();
    const { definitionText } = await import("./definitionText.ts");
    const files = await readDefinitions(desired, ctx);
    const declared = files.map(({ text, digest }) => ({ definition: definitionText(text), digest }));
    const kept = new Set(declared.map(({ definition }) => definition.head.metadata.name));
    const before = await definitions(client, { name, stack: ctx.stack });
    await Promise.all(
      declared.map(async ({ definition, digest }) => {
        const { metadata } = definition.head;
        const found = await client.get({ ...KIND, name: metadata.name });
        if (found !== undefined && found.metadata.labels?.[STACK_LABEL] !== ctx.stack) {
          throw new DayzeroError(
            "OBJECT_NOT_OWN",
            `CustomResourceDefinition ${metadata.name} exists and was not made by stack "${ctx.stack}"`,
            { hint: `give it the label ${STACK_LABEL}: ${ctx.stack} to hand it over` },
          );
        }
        const labels = { ...metadata.labels, [STACK_LABEL]: ctx.stack, [NAME_LABEL]: name };
        // Written together with it, because another write of a definition this large would take as long again.
        const expected = String((found?.metadata.generation ?? 0) + 1);
        const annotations = {
          ...metadata.annotations,
          [DIGEST_ANNOTATION]: digest,
          [GENERATION_ANNOTATION]: expected,
        };
        const text = definition.withMetadata({ ...metadata, labels, annotations });
        const applied = await client.applyText({ ...KIND, name: metadata.name }, text);
        const generation = String(applied.metadata.generation);
        if (generation !== expected) {
          const patch = { metadata: { annotations: { [GENERATION_ANNOTATION]: generation } } };
          await client.mergePatch({ ...KIND, name: metadata.name }, patch);
        }
        await awaitReadiness(applied, { client, narrate: ctx.narrate, signal: ctx.signal });
      }),
    );
    const dropped = before.filter(({ metadata }) => !kept.has(metadata.name));
    await removeAll(client, dropped, ctx);
    const digests = declared.map(({ digest }) => digest).sort();
    return { applied: digests, declared: digests };
  },

  async owned(stack, ctx) {
    const live = await definitions(await ctx.kubernetes(), { stack });
    return [...new Set(live.map(({ metadata }) => metadata.labels?.[NAME_LABEL] ?? ""))];
  },

  async remove(name, ctx) {
    const client = await ctx.kubernetes();
    const live = await definitions(client, { name, stack: ctx.stack });
    await removeAll(client, live, ctx);
  },
};

/** With a definition go the objects of its kind; it is gone when they are. */
async function removeAll(client: KubernetesClient, live: readonly KubernetesManifest[], ctx: Context): Promise<void> {
  await Promise.all(live.map(({ metadata: { name, uid } }) => deleteAndWait(client, { ...KIND, name }, { ctx, uid })));
}

/** One that is not served yet counts as changed: who was to wait for it was killed. */
function digestOf(definition: KubernetesManifest): string {
  const { annotations, generation } = definition.metadata;
  const intact =
    annotations?.[GENERATION_ANNOTATION] === String(generation) && readinessOf(definition).state === "ready";
  return (intact && annotations[DIGEST_ANNOTATION]) || "changed";
}

function definitions(client: KubernetesClient, of: { name?: string; stack: string }): Promise<KubernetesManifest[]> {
  const labelSelector = `${STACK_LABEL}=${of.stack},${NAME_LABEL}${of.name === undefined ? "" : `=${of.name}`}`;
  return client.list(KIND, { labelSelector });
}

function readDefinitions(
  { tool, files }: DefinitionsInputs,
  ctx: Context,
): Promise<{ text: string; digest: string }[]> {
  const [folder = ""] = ctx.tool(tool);
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(folder, file), "utf8");
      return { text, digest: createHash("sha256").update(text).digest("hex") };
    }),
  );
}
