import { isAbsolute } from "node:path";
import { z } from "zod";
import { checkSource } from "../../config/stackRules.ts";

/** Where the content of a repository comes from. */
export const repositorySource = z.discriminatedUnion("kind", [
  /** Ours, from bootstrap/gitops/. */
  z.strictObject({ kind: z.literal("scaffold") }),
  /** A repository on this machine. */
  z.strictObject({ kind: z.literal("path"), path: z.string().refine(isAbsolute, "expected an absolute path") }),
  /** A repository that the person's own git can reach. */
  z.strictObject({
    kind: z.literal("url"),
    url: z.string().superRefine((url, check) => {
      const message = checkSource(url);
      if (message !== undefined) check.addIssue({ code: "custom", message });
    }),
  }),
]);

export type RepositorySource = z.infer<typeof repositorySource>;

/** For people, and for comparing: equal sources are written equally. */
export function describeSource(source: RepositorySource): string {
  if (source.kind === "scaffold") return "scaffold";
  return source.kind === "path" ? source.path : source.url;
}
