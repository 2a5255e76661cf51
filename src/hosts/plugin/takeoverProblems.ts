import type { RepositoryChoice } from "../../config/StackSpec.ts";
import { describeSource, type RepositorySource } from "../../resources/git/RepositorySource.ts";

interface Repository {
  readonly source: RepositorySource;
  readonly branch?: string | undefined;
  readonly path?: string | undefined;
}

/**
 * What keeps a program from taking over a repository that `dayzero up` was given on its command line: the stack's file, which is all
 * that Pulumi knows, says another one, and the stack would silently switch to it.
 */
export function takeoverProblems(
  { source, branch, path }: RepositoryChoice,
  desired: Repository,
): { path: string; message: string }[] {
  const says = (field: string, value: string) =>
    `\`dayzero up\` was told ${JSON.stringify(value)} for this stack: set config.dayzero:repository.${field} to it in the stack's file`;
  if (source !== undefined && source !== describeSource(desired.source)) {
    return [{ path: "source", message: says("source", source) }];
  }
  const problems: { path: string; message: string }[] = [];
  if (branch !== undefined && branch !== desired.branch)
    problems.push({ path: "branch", message: says("branch", branch) });
  if (path !== undefined && path !== (desired.path ?? "."))
    problems.push({ path: "path", message: says("path", path) });
  return problems;
}
