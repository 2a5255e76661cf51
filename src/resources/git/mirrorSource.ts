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

/** To be asked for references takes a forge seconds at most. */
const LOOK_SILENCE_MS = 30_000;
/** It tells its progress all the time, but for what it does before and after the transfer. */
const FETCH_SILENCE_MS = 120_000;

const ADVANCE_TRIES = 3;

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
  const result = await repository.git.try(args, { personal, silence: LOOK_SILENCE_MS });
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
      "--progress",
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
    { personal, silence: FETCH_SILENCE_MS },
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
  for (let tries = 1; ; tries += 1) {
    const steps = await compare(repository);
    const commands = steps.flatMap(({ step, name, here, there }) => {
      if (step === "create") return [`create ${name} ${there}`];
      return step === "forward" ? [`update ${name} ${there} ${here}`] : [];
    });
    // One transaction, each line with the value it expects: a push in the meantime makes it fail, and then they are compared anew.
    const input = `${commands.join("\n")}\n`;
    const moved = commands.length === 0 ? undefined : await repository.git.try(["update-ref", "--stdin"], { input });
    if (moved === undefined || moved.exitCode === 0) {
      for (const { step, name } of steps) if (step === "diverged") ctx.narrate(keeping(name));
      return;
    }
    if (tries < ADVANCE_TRIES) continue;
    throw new DayzeroError(
      "REPOSITORY_MOVED",
      `cannot move the branches of ${repository.directory} forward, somebody pushes meanwhile: ${moved.stderr}`,
      { hint: "run `dayzero up` again: it begins with what is there then" },
    );
  }
}

function keeping(name: string): string {
  const branch = name.slice("refs/heads/".length);
  return `keeping ${branch} as it was pushed here: the source went another way; merge the two and push`;
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
