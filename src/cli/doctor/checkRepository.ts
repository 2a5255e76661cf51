import { execFile } from "node:child_process";
import { isAbsolute } from "node:path";
import { promisify } from "node:util";
import type { LocalSpec } from "../../config/StackSpec.ts";
import { hermetic } from "../../resources/git/Git.ts";
import { findGit } from "../findGit.ts";
import { lookAtNewSource } from "../lookAtNewSource.ts";
import type { Run } from "../Run.ts";
import type { LoadedStack } from "../stack/loadStack.ts";
import { PATIENCE_MS } from "./examine.ts";
import { type Finding, not, ok } from "./Finding.ts";

/**
 * The repository that a stack on this machine mirrors: reached with the person's git, not empty, and it has the branch; of one on this
 * machine the folder too, since that costs no transfer. Throws as `up` would.
 */
export async function checkRepository(
  run: Pick<Run, "environment" | "signal" | "program">,
  { spec, layout }: { spec: LocalSpec; layout: LoadedStack["layout"] },
): Promise<Finding> {
  const { source, path } = spec.repository;
  if (source === undefined) return ok("none named: up makes one from a scaffold");
  const late = AbortSignal.timeout(PATIENCE_MS);
  const references = await lookAtNewSource({ ...run, signal: AbortSignal.any([run.signal, late]) }, { spec, layout });
  const branch = spec.repository.branch ?? references?.defaultBranch;
  if (branch === undefined || !references?.references.has(`refs/heads/${branch}`)) {
    const branches = [...(references?.references.keys() ?? [])].filter((name) => name.startsWith("refs/heads/"));
    const known = branches.map((name) => name.slice("refs/heads/".length)).slice(0, 10);
    const what = branch === undefined ? "its HEAD names no branch" : `it has no branch "${branch}"`;
    return not(
      "problem",
      `${source}: ${what}; it has ${known.join(", ")}`,
      "name the branch to reconcile with --branch, or push it",
    );
  }
  const seen = `${source} has branch ${branch}`;
  if (!isAbsolute(source)) return ok(`${seen}; whether it has folder ${path} shows when it is fetched`);
  if (await hasFolder(source, branch, path, await findGit(run))) return ok(`${seen} with folder ${path}`);
  return not(
    "problem",
    `${seen}, which has no folder ${path}`,
    "name the folder that Argo CD is to reconcile with --path",
  );
}

async function hasFolder(repository: string, branch: string, path: string, git: string): Promise<boolean> {
  const tree = path === "." ? `refs/heads/${branch}^{tree}` : `refs/heads/${branch}:${path}`;
  const words = ["-c", `safe.directory=${repository}`, "-C", repository, "cat-file", "-t", tree];
  const env = hermetic("/nonexistent", git);
  return promisify(execFile)(git, words, { env }).then(
    ({ stdout }) => stdout.trim() === "tree",
    () => false,
  );
}
