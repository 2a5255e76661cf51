import { stat } from "node:fs/promises";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Context } from "../Resource.ts";
import { type BareRepository, ORIGIN, parseReferences } from "./BareRepository.ts";
import type { GitResult } from "./Git.ts";
import { describeSource, type RepositorySource } from "./RepositorySource.ts";

export type MirroredSource = Exclude<RepositorySource, { kind: "scaffold" }>;

/** What a source offers: its branches and tags by full name, and the branch that it calls its own. */
export interface SourceReferences {
  readonly references: ReadonlyMap<string, string>;
  readonly defaultBranch?: string;
}

/** A folder that the person named may belong to somebody else; git wants to be told so on the serving side. */
const SERVE_NAMED_FOLDER = "--upload-pack=git -c safe.directory=* upload-pack";

/** Only a URL is reached with the person's own git configuration: a folder of this machine needs none of it. */
function reach(source: MirroredSource): { personal: boolean; flags: string[]; place: string } {
  return source.kind === "url"
    ? { personal: true, flags: [], place: source.url }
    : { personal: false, flags: [SERVE_NAMED_FOLDER], place: source.path };
}

/** Asks the source what it has. Throws REPOSITORY_SOURCE_UNREADABLE, or REPOSITORY_EMPTY when it has no branch. */
export async function lookAtSource(repository: BareRepository, source: MirroredSource): Promise<SourceReferences> {
  if (source.kind === "path") await checkFolder(source.path);
  const { personal, flags, place } = reach(source);
  const args = ["ls-remote", "--symref", ...flags, "--", place, "HEAD", "refs/heads/*", "refs/tags/*"];
  const result = await repository.git.try(args, { personal });
  if (result.exitCode !== 0) throw unreadable(source, result);
  const symbolic = result.stdout.split("\n").filter((line) => line.startsWith("ref: "));
  const plain = result.stdout.split("\n").filter((line) => !line.startsWith("ref: "));
  const references = parseReferences(plain.join("\n"));
  references.delete("HEAD");
  if (![...references.keys()].some((name) => name.startsWith("refs/heads/"))) {
    throw new DayzeroError("REPOSITORY_EMPTY", `cannot use ${place}: it has no branch and no commit`, {
      hint: "commit something there first, or leave --repo out to begin with a scaffold",
    });
  }
  const defaultBranch = /^ref: refs\/heads\/(\S+)\tHEAD$/.exec(symbolic[0] ?? "")?.[1];
  return defaultBranch === undefined ? { references } : { references, defaultBranch };
}

/** Whether the source has other branches and tags than when it was last fetched. */
export async function sourceMoved(repository: BareRepository, source: SourceReferences): Promise<boolean> {
  const known = await repository.references(ORIGIN);
  if (known.size !== source.references.size) return true;
  return [...source.references].some(([name, object]) => known.get(originOf(name)) !== object);
}

/**
 * Fetches branches and tags, and moves each branch forward where that loses nothing: what was pushed here is never
 * overwritten. Says which branches went another way than the source.
 */
export async function fetchSource(repository: BareRepository, source: MirroredSource, ctx: Context): Promise<void> {
  const { personal, flags, place } = reach(source);
  ctx.narrate(`mirroring ${place}`);
  const result = await repository.git.try(
    [
      "fetch",
      "--quiet",
      "--prune",
      "--no-tags",
      "--no-write-fetch-head",
      "--no-recurse-submodules",
      "--no-auto-maintenance",
      ...flags,
      "--",
      place,
      `+refs/heads/*:${ORIGIN}/heads/*`,
      `+refs/tags/*:${ORIGIN}/tags/*`,
    ],
    { personal },
  );
  if (result.exitCode !== 0) throw unreadable(source, result);
  await advance(repository, ctx);
}

/** Branches here that have commits which the source lacks, while the source has others that they lack. */
export async function divergedBranches(repository: BareRepository): Promise<string[]> {
  const steps = await compare(repository);
  return steps.flatMap(({ step, name }) => (step === "diverged" ? [name.slice("refs/heads/".length)] : []));
}

async function advance(repository: BareRepository, ctx: Context): Promise<void> {
  const commands: string[] = [];
  for (const { step, name, here, there } of await compare(repository)) {
    if (step === "create") commands.push(`create ${name} ${there}`);
    else if (step === "forward") commands.push(`update ${name} ${there} ${here}`);
    else
      ctx.narrate(
        `keeping ${name.slice("refs/heads/".length)} as it was pushed here: the source went another way; merge the two and push`,
      );
  }
  // One transaction, each line with the value it expects: a push in the meantime makes it fail, and `up` begins anew.
  if (commands.length > 0) await repository.git.run(["update-ref", "--stdin"], { input: `${commands.join("\n")}\n` });
}

interface Step {
  readonly step: "create" | "forward" | "diverged";
  readonly name: string;
  readonly here: string | undefined;
  readonly there: string;
}

/** What differs between the branches and tags here and those of the source; what is only here, or is ahead, is no difference. */
async function compare(repository: BareRepository): Promise<Step[]> {
  const [origin, local] = await Promise.all([repository.references(ORIGIN), repository.references("refs")]);
  const steps: Step[] = [];
  for (const [tracking, there] of origin) {
    const name = `refs/${tracking.slice(ORIGIN.length + 1)}`;
    const here = local.get(name);
    if (here === there) continue;
    if (here === undefined) steps.push({ step: "create", name, here, there });
    else if (!name.startsWith("refs/heads/") || (await isAncestor(repository, there, here))) continue;
    else steps.push({ step: (await isAncestor(repository, here, there)) ? "forward" : "diverged", name, here, there });
  }
  return steps;
}

async function isAncestor(repository: BareRepository, older: string, newer: string): Promise<boolean> {
  return (await repository.git.try(["merge-base", "--is-ancestor", older, newer])).exitCode === 0;
}

function originOf(name: string): string {
  return `${ORIGIN}/${name.slice("refs/".length)}`;
}

async function checkFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return;
  const what = found === undefined ? "there is nothing" : "it is not a folder";
  throw new DayzeroError("REPOSITORY_SOURCE_UNREADABLE", `cannot mirror ${path}: ${what}`, {
    hint: "name the top folder of a Git repository with --repo",
  });
}

function unreadable(source: MirroredSource, { stderr }: GitResult): DayzeroError {
  const hint =
    source.kind === "path"
      ? "name the top folder of a Git repository with --repo"
      : `see that \`git ls-remote ${source.url}\` works for you without being asked for anything`;
  const message = `cannot mirror ${describeSource(source)}: ${stderr === "" ? "git failed without a word" : stderr}`;
  return new DayzeroError("REPOSITORY_SOURCE_UNREADABLE", message, { hint });
}
