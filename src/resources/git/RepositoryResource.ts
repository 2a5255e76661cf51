import { readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { isBranchName, isInnerFolder } from "../../config/stackRules.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { type RepositoryKind, repositoryNeeds } from "../../manifests/argocd/repositoryNeeds.ts";
import type { Change, Context, Resource } from "../Resource.ts";
import { BareRepository } from "./BareRepository.ts";
import { commitScaffold } from "./commitScaffold.ts";
import { hasOwnCommits } from "./hasOwnCommits.ts";
import { divergedBranches, fetchSource, lookAtSource, sourceMoved } from "./mirrorSource.ts";
import { describeSource, repositorySource } from "./RepositorySource.ts";
import { RENDER_PREFIX, renderManifests } from "./renderManifests.ts";

/** Rendering takes a minute at most. */
const ABANDONED_MS = 10 * 60_000;

const inputs = z.strictObject({
  /** Names the bare repository, its Secret and its role in Vault. */
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "is not made of lower-case letters, digits and dashes"),
  source: repositorySource,
  /** By default the branch that the source calls its own; `main` of the scaffold. */
  branch: z.string().refine(isBranchName, "expected the name of a branch").optional(),
  /** Folder that Argo CD reconciles. */
  path: z.string().refine(isInnerFolder, "expected a folder of the repository").default("."),
});

export type RepositoryInputs = z.infer<typeof inputs>;

export interface RepositoryLive {
  /** Absolute path of the bare repository: what people clone and push to. */
  readonly directory: string;
  /** Command of the git that serves it. */
  readonly git: string;
  readonly source: string;
  readonly branch: string;
  /** Commit at the tip of the branch; "" when somebody deleted the branch. */
  readonly revision: string;
  readonly path: string;
  /** What the path holds at that revision, or at the last one that could be rendered. */
  readonly kinds: readonly RepositoryKind[];
  /** Revision and path that `kinds` were last recorded for; "" when they never were. */
  readonly recorded: string;
  /** Why the revision cannot be reconciled; "" when it can. */
  readonly problem: string;
  /** The source has branches or tags that were not fetched yet. */
  readonly sourceMoved: boolean;
  /** Branches on which the person and the source went different ways; they are kept as they were pushed here. */
  readonly diverged: readonly string[];
  /** Settings and hooks that are not as they should be. */
  readonly drift: readonly string[];
}

/**
 * A bare repository in the stack's folder that Argo CD reconciles and the person pushes to: made from the scaffold, or a
 * mirror of the person's own that is moved forward at each `up` and never overwrites what was pushed here.
 *
 * Made whole beside its place and then renamed, so that a repository which is there is complete.
 */
export const repositoryResource: Resource<RepositoryInputs, RepositoryLive> = {
  type: "dayzero:git:Repository",
  inputs,
  id: inputs.shape.name,
  identify: ({ name }) => name,

  async read(name, ctx) {
    const repository = new BareRepository(ctx, new StackLayout(ctx.directory).repository(name));
    const mark = await repository.mark(ctx.stack);
    if (mark === undefined) return undefined;
    const { source, branch, path } = mark;
    const [revision, rendered, drift] = await Promise.all([
      repository.tip(branch),
      repository.rendered(),
      repository.drift(),
    ]);
    const mirror = { moved: false, diverged: [] as string[] };
    if (source.kind !== "scaffold") {
      mirror.diverged = await divergedBranches(repository);
      try {
        mirror.moved = await sourceMoved(repository, await lookAtSource(repository, source));
      } catch (error) {
        if (!(error instanceof DayzeroError)) throw error;
        ctx.narrate(`going on with what was mirrored before: ${error.message}`);
      }
    }
    const live = {
      directory: repository.directory,
      git: ctx.tool("git")[0] ?? "git",
      source: describeSource(source),
      branch,
      path,
      kinds: rendered?.kinds ?? [],
      recorded: rendered === undefined ? "" : recordOf(rendered),
      sourceMoved: mirror.moved,
      diverged: mirror.diverged,
      drift,
    };
    if (revision === undefined) return { ...live, revision: "", problem: `branch "${branch}" was deleted` };
    if (recordOf({ revision, path }) === live.recorded) return { ...live, revision, problem: "" };
    try {
      return { ...live, revision, problem: "", kinds: await reconcilable(name, repository, { revision, path }, ctx) };
    } catch (error) {
      if (!(error instanceof DayzeroError)) throw error;
      return { ...live, revision, problem: error.message };
    }
  },

  plan(live, desired) {
    const source = describeSource(desired.source);
    if (live === undefined) return [{ action: "create", path: "", after: source }];
    refuseOtherSource(desired.name, live.source, source);
    const changes: Change[] = [];
    const update = (path: string, before: string, after: string) =>
      changes.push({ action: "update", path, before, after });
    if (desired.branch !== undefined && desired.branch !== live.branch) update("branch", live.branch, desired.branch);
    if (desired.path !== live.path) update("path", live.path, desired.path);
    if (live.sourceMoved) update("source", "as fetched before", "as it is now");
    for (const name of live.drift) update(name, "changed by hand", "as Dayzero sets it");
    const now = recordOf(live);
    if (live.problem !== "") update("revision", live.recorded, live.problem);
    else if (live.recorded !== now) update("revision", live.recorded, now);
    return changes;
  },

  /** What the branch holds once new commits were fetched, or at another place, is not known. Repairs leave it as it is. */
  foresee(live, desired, changes) {
    if (live === undefined) return {};
    const { directory, git, source, branch, revision, kinds } = live;
    const fixed = { directory, git, source, branch: desired.branch ?? branch, path: desired.path };
    const moves = changes.some((change) => ["branch", "path", "source"].includes(change.path));
    return moves || live.problem !== "" ? fixed : { ...fixed, revision, kinds };
  },

  async apply(_changes, desired, ctx) {
    const layout = new StackLayout(ctx.directory);
    const place = layout.repository(desired.name);
    await sweep(dirname(place), ctx.now());
    const existing = new BareRepository(ctx, place);
    const mark = await existing.mark(ctx.stack);
    if (mark === undefined) {
      const draft = new BareRepository(ctx, `${place}.new`);
      await draft.initialize();
      await converge(draft, desired, undefined, ctx);
      await rename(draft.directory, place);
    } else {
      refuseOtherSource(desired.name, describeSource(mark.source), describeSource(desired.source));
      await converge(existing, desired, mark.branch, ctx);
    }
    const live = await repositoryResource.read(desired.name, ctx);
    if (live === undefined) throw new Error(`repository ${place} is gone right after it was made`);
    return live;
  },

  async owned(stack, ctx) {
    const names = await repositoryNames(new StackLayout(ctx.directory));
    const owned = await Promise.all(
      names.map(async (name) => {
        const repository = new BareRepository(ctx, new StackLayout(ctx.directory).repository(name));
        return (await isOwn(repository, stack)) ? [name] : [];
      }),
    );
    return owned.flat();
  },

  async stays(name, ctx) {
    const layout = new StackLayout(ctx.directory);
    if (!(await hasOwnCommits(layout, name, ctx.tool("git")))) return undefined;
    const note = `kept ${layout.repository(name)}: it holds commits that exist nowhere else; push them elsewhere, then delete the folder`;
    return { as: "kept", note };
  },

  /** Throws REPOSITORY_HAS_COMMITS rather than lose what a person pushed. */
  async remove(name, ctx) {
    const layout = new StackLayout(ctx.directory);
    const place = layout.repository(name);
    if (await hasOwnCommits(layout, name, ctx.tool("git"))) {
      throw new DayzeroError(
        "REPOSITORY_HAS_COMMITS",
        `cannot remove ${place}: it holds commits that exist nowhere else`,
        {
          hint: "push them elsewhere, or run `dayzero down --delete-repository`",
        },
      );
    }
    if (await isOwn(new BareRepository(ctx, place), ctx.stack)) await rename(place, `${place}.removed`);
    await rm(`${place}.removed`, { recursive: true, force: true });
  },
};

/** A replacement would take what was pushed here, and what the controller runs from it: the person does that, with `down`. */
function refuseOtherSource(name: string, before: string, after: string): void {
  if (before === after) return;
  throw new DayzeroError(
    "REPOSITORY_SOURCE_CHANGED",
    `cannot make repository "${name}" from ${after}: it was made from ${before}`,
    { hint: "push the commits you want to keep elsewhere, then run `dayzero down --delete-repository`" },
  );
}

/** What is not the stack's is not reported; what cannot be looked at is. */
async function isOwn(repository: BareRepository, stack: string): Promise<boolean> {
  try {
    return (await repository.mark(stack)) !== undefined;
  } catch (error) {
    if (error instanceof DayzeroError && error.code === "REPOSITORY_NOT_OWN") return false;
    throw error;
  }
}

/** Content first, then the proof that it can be reconciled, then the settings that make it ours. */
async function converge(
  repository: BareRepository,
  desired: RepositoryInputs,
  chosen: string | undefined,
  ctx: Context,
): Promise<void> {
  const { source, path } = desired;
  let branch = desired.branch ?? chosen;
  if (source.kind === "scaffold") {
    branch ??= "main";
    if (chosen === undefined) await commitScaffold(repository, branch);
  } else {
    branch = await mirror(repository, source, branch, ctx);
  }
  const revision = await repository.tip(branch);
  if (revision === undefined) {
    const heads = [...(await repository.references("refs/heads")).keys()].map((name) =>
      name.slice("refs/heads/".length),
    );
    const seen = `its branches are ${heads.slice(0, 8).join(", ")}`;
    throw new DayzeroError(
      "REPOSITORY_BRANCH_MISSING",
      `cannot use ${describeSource(source)}: there is no branch "${branch}"; ${seen}`,
      {
        hint: "name the branch to reconcile with --branch, or push it",
      },
    );
  }
  const kinds = await reconcilable(desired.name, repository, { revision, path }, ctx);
  await repository.settle({ stack: ctx.stack, source, branch, path });
  await repository.remember({ revision, path, kinds });
}

/** What a revision holds, refused when the controller must not be given the rights for it. */
async function reconcilable(
  name: string,
  repository: BareRepository,
  at: { revision: string; path: string },
  ctx: Context,
): Promise<RepositoryKind[]> {
  const kinds = await renderManifests(repository, at, ctx);
  repositoryNeeds(kinds, name);
  return kinds;
}

/** The branch to reconcile. A source that cannot be reached stops only what was never mirrored. */
async function mirror(
  repository: BareRepository,
  source: Parameters<typeof fetchSource>[1],
  branch: string | undefined,
  ctx: Context,
): Promise<string> {
  const fresh = (await repository.references("refs/heads")).size === 0;
  try {
    const offered = await lookAtSource(repository, source);
    if (await sourceMoved(repository, offered)) await fetchSource(repository, source, ctx);
    const found = branch ?? offered.defaultBranch;
    if (found !== undefined) return found;
    throw new DayzeroError(
      "REPOSITORY_BRANCH_MISSING",
      `cannot tell which branch of ${describeSource(source)} is meant: its HEAD names none`,
      {
        hint: "name the branch to reconcile with --branch",
      },
    );
  } catch (error) {
    if (fresh || branch === undefined || !(error instanceof DayzeroError) || error.code === "REPOSITORY_MOVED")
      throw error;
    ctx.narrate(`going on with what was mirrored before: ${error.message}`);
    return branch;
  }
}

/** Removes what a killed run left beside the repositories; a revision that somebody else renders now is left alone. */
async function sweep(folder: string, now: Date): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const draft = name.endsWith(".git.new") || name.endsWith(".git.removed");
    const rendering = name.startsWith(RENDER_PREFIX);
    const age = rendering ? now.getTime() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? 0) : 0;
    if (draft || age > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}

async function repositoryNames(layout: StackLayout): Promise<string[]> {
  const files = await readdir(dirname(layout.repository("any"))).catch(() => []);
  return files.flatMap((file) => (file.endsWith(".git") ? [file.slice(0, -".git".length)] : []));
}

function recordOf({ revision, path }: { revision: string; path: string }): string {
  return `${revision}:${path}`;
}
