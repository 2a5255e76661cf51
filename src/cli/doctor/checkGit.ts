import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { findGit } from "../findGit.ts";
import type { Run } from "../Run.ts";
import { type Finding, not, ok } from "./Finding.ts";

/** Source: git's release notes. 2.32 brought GIT_CONFIG_GLOBAL, which keeps the person's configuration out of the stack's repositories. */
const OLDEST = [2, 32] as const;

/** The person's git: its version, and for a stack on this machine the part that serves over HTTP. */
export async function checkGit(
  { environment }: Pick<Run, "environment">,
  { serves }: { serves: boolean },
): Promise<Finding> {
  const git = await findGit({ environment });
  const ask = async (word: string) => (await promisify(execFile)(git, [word], { env: environment })).stdout.trim();
  const [said, execPath] = await Promise.all([ask("--version"), ask("--exec-path")]);
  const seen = `${said} (${git})`;
  const [major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(said)?.slice(1).map(Number) ?? [];
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    return not("problem", seen, `install git ${OLDEST.join(".")} or later`);
  }
  if (!serves) return ok(seen);
  const hasBackend = await access(join(execPath, "git-http-backend")).then(
    () => true,
    () => false,
  );
  return hasBackend
    ? ok(seen)
    : not(
        "problem",
        `${seen} has no git-http-backend in ${execPath}`,
        "install git's part that serves over HTTP (some distributions package it apart, as git-daemon)",
      );
}
