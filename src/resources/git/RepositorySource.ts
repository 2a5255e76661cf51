import { isAbsolute } from "node:path";
import { z } from "zod";

/** `password` in a URL, or any user name in an HTTP one, is a credential that would end up in files and outputs. */
function holdsCredential(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, username, password } = new URL(url);
  return password !== "" || (protocol.startsWith("http") && username !== "");
}

/** Where the content of a repository comes from. */
export const repositorySource = z.discriminatedUnion("kind", [
  /** Ours, from bootstrap/gitops/. */
  z.strictObject({ kind: z.literal("scaffold") }),
  /** A repository on this machine. */
  z.strictObject({ kind: z.literal("path"), path: z.string().refine(isAbsolute, "expected an absolute path") }),
  /** A repository that the person's own git can reach. */
  z.strictObject({
    kind: z.literal("url"),
    url: z
      .string()
      .min(1)
      .refine((url) => !url.startsWith("-") && !/^[\w+.-]+::/.test(url), "expected the URL of a repository")
      .refine((url) => !holdsCredential(url), "a URL with a credential in it is not taken: your own git supplies it"),
  }),
]);

export type RepositorySource = z.infer<typeof repositorySource>;

/** For people, and for comparing: equal sources are written equally. */
export function describeSource(source: RepositorySource): string {
  if (source.kind === "scaffold") return "scaffold";
  return source.kind === "path" ? source.path : source.url;
}
