import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BareRepository, ORIGIN } from "./BareRepository.ts";

const SCAFFOLD = fileURLToPath(new URL("../../../bootstrap/gitops/", import.meta.url));

/** Fixed, so that the same scaffold is the same commit wherever it is made. */
const SIGNATURE = { NAME: "Dayzero", EMAIL: "dayzero@localhost", DATE: "2026-01-01T00:00:00Z" };

/** Commits bootstrap/gitops/ to `branch` of an empty repository, and remembers that it is ours. */
export async function commitScaffold(repository: BareRepository, branch: string): Promise<void> {
  const { git } = repository;
  const index = join(repository.directory, "scaffold.index");
  const environment: Record<string, string> = { GIT_INDEX_FILE: index };
  for (const who of ["AUTHOR", "COMMITTER"]) {
    for (const [what, value] of Object.entries(SIGNATURE)) environment[`GIT_${who}_${what}`] = value;
  }
  await git.run([`--work-tree=${SCAFFOLD}`, "add", "--all", "--force", "."], {
    environment: { ...environment, GIT_WORK_TREE: SCAFFOLD },
  });
  const tree = await git.run(["write-tree"], { environment });
  await rm(index, { force: true });
  const message = "Begin with two apps in two environments\n\nMade by Dayzero; yours from here on.\n";
  const commit = await git.run(["commit-tree", tree], { environment, input: message });
  const input = `update refs/heads/${branch} ${commit}\nupdate ${ORIGIN}/heads/${branch} ${commit}\n`;
  await git.run(["update-ref", "--stdin"], { input });
}
