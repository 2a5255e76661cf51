import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { RemoteRepositorySpec } from "../../config/StackSpec.ts";
import { Git } from "../../resources/git/Git.ts";
import type { Context } from "../../resources/Resource.ts";
import type { Subject } from "../Subject.ts";

/** A bare repository on this machine. */
export interface Repository {
  readonly name: string;
  readonly directory: string;
}

/** A forge that says nothing for so long is not going to. */
const SILENCE_MS = 30_000;
const CLONE_MS = 60_000;

/**
 * Calls `use` with the stack's bare repositories, or with a copy of the remote one, which the person's own git fetches and which is
 * gone afterwards. Throws `AUDIT_SOURCE_UNREADABLE` where that git cannot read it, or not within a minute.
 */
export async function withRepositories<T>(
  { spec, layout, context }: Subject,
  use: (repositories: readonly Repository[]) => Promise<T>,
): Promise<T> {
  if (spec.program === "local") {
    const folder = dirname(layout.repository("any"));
    const names = (await readdir(folder)).filter((name) => name.endsWith(".git"));
    return use(names.map((name) => ({ name, directory: join(folder, name) })));
  }
  const parent = dirname(layout.temporary("audit"));
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(parent, "audit-"));
  try {
    const directory = join(folder, "copy.git");
    await copy(spec.repository, directory, context);
    return await use([{ name: spec.repository.source, directory }]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function copy({ source, ca }: RemoteRepositorySpec, directory: string, ctx: Context): Promise<void> {
  const deadline = AbortSignal.timeout(CLONE_MS);
  const git = new Git({
    directory,
    command: ctx.tool("git"),
    home: dirname(directory),
    signal: AbortSignal.any([ctx.signal, deadline]),
  });
  await git.run(["init", "--quiet", "--bare", "--template=", directory]);
  const authority = join(dirname(directory), "ca.crt");
  if (ca !== undefined) await writeFile(authority, ca, { mode: 0o600 });
  const trust = ca === undefined ? [] : ["-c", `http.sslCAInfo=${authority}`];
  const words = ["fetch", "--quiet", "--progress", "--no-write-fetch-head", "--no-auto-maintenance", "--", source];
  const refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
  const unreadable = (why: string) =>
    new DayzeroError("AUDIT_SOURCE_UNREADABLE", `cannot copy ${source} to look at its history: ${why}`, {
      hint: `see that \`git ls-remote ${source}\` works for you without being asked for anything`,
    });
  const { exitCode, stderr } = await git
    .try([...trust, ...words, ...refs], { personal: true, silence: SILENCE_MS })
    .catch((error: unknown) => {
      if (deadline.aborted && !ctx.signal.aborted) throw unreadable(`it takes more than ${CLONE_MS / 1000} s`);
      throw error;
    });
  if (exitCode !== 0) throw unreadable(stderr);
}
