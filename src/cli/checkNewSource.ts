import { isAbsolute } from "node:path";
import { createContext } from "./createContext.ts";
import { findGit } from "./findGit.ts";
import type { Run } from "./Run.ts";
import type { LoadedStack } from "./stack/loadStack.ts";

/** Asks a repository that was named for the first time what it has, before anything is made for it. Throws as `lookAtSource` does. */
export async function checkNewSource(run: Run, { spec, layout }: LoadedStack): Promise<void> {
  const { name, source } = spec.repository;
  if (source === undefined) return;
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
  await lookAtSource(new BareRepository(context, layout.repository(name)), place);
}
