import { exists } from "../../machine/exists.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { ORIGIN } from "./BareRepository.ts";
import { Git } from "./Git.ts";

/**
 * Whether the stack's repository holds commits that neither Dayzero nor the source brought: the person's pushes, which exist
 * nowhere else as far as Dayzero knows. False when there is no repository.
 */
export async function hasOwnCommits(layout: StackLayout, name: string, command: readonly string[]): Promise<boolean> {
  const directory = layout.repository(name);
  if (!(await exists(directory))) return false;
  const git = new Git({ directory, command, home: layout.home });
  const own = await git.run(["rev-list", "--max-count=1", "--branches", "--tags", "--not", `--glob=${ORIGIN}/*`]);
  return own !== "";
}
