import { isAbsolute } from "node:path";
import type { SourceReferences } from "../resources/git/mirrorSource.ts";
import { createContext } from "./createContext.ts";
import { findGit } from "./findGit.ts";
import type { Run } from "./Run.ts";
import type { LoadedStack } from "./stack/loadStack.ts";

/** Asks a repository of others what it has, before anything is made for it; undefined where none is named. Throws as `lookAtSource` does. */
export async function lookAtNewSource(
  run: Pick<Run, "environment" | "signal" | "program">,
  { spec, layout }: Pick<LoadedStack, "spec" | "layout">,
): Promise<SourceReferences | undefined> {
  const { name, source } = spec.repository;
  if (source === undefined) return undefined;
  const [{ BareRepository }, { lookAtSource }, git] = await Promise.all([
    import("../resources/git/BareRepository.ts"),
    import("../resources/git/mirrorSource.ts"),
    findGit(run),
  ]);
  const { context } = createContext({
    stack: spec.stack,
    layout,
    dryRun: true,
    signal: run.signal,
    program: run.program,
    tools: new Map([["git", git]]),
    narrate: () => undefined,
  });
  const place = isAbsolute(source)
    ? ({ kind: "path", path: source } as const)
    : ({ kind: "url", url: source } as const);
  return lookAtSource(new BareRepository(context, layout.repository(name)), place);
}
