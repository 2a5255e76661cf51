import { isAbsolute, resolve } from "node:path";
import { type Problem, problemsError } from "./Problem.ts";
import { checkName, checkRepository, checkVault, mostSharesOfOne } from "./stackRules.ts";
import { parseStackFile } from "./stackSchema.ts";

export interface RepositorySpec {
  /** DNS label; names the bare repository, its Secret and its Vault role. */
  readonly name: string;
  /** Absolute folder or URL of the user's own repository; a scaffold is made without it. */
  readonly source?: string;
  /** Without it: the one that the source calls its own. */
  readonly branch?: string;
  readonly path: string;
}

export interface VaultSpec {
  /** age recipients of the unseal shares; none: a local identity is made and listed as residual. */
  readonly recipients: readonly string[];
  readonly shares: number;
  readonly threshold: number;
}

/** All that a stack is told from outside, checked; everything else is found. Holds no secret. */
export interface StackSpec {
  readonly stack: string;
  /** Which program of stacks/ makes it: `local` for stacks/local.ts. */
  readonly program: string;
  readonly repository: RepositorySpec;
  readonly vault: VaultSpec;
  /** Config of other packages, as Pulumi hands it to a program. */
  readonly foreign: Readonly<Record<string, string>>;
}

/** What the person said of the repository on the command line. */
export interface RepositoryChoice {
  readonly source?: string;
  readonly branch?: string;
  readonly path?: string;
}

export interface StackSources {
  readonly stack: string;
  /** Parsed content of `Pulumi.<stack>.yaml`; undefined when there is no such file. */
  readonly file?: unknown;
  /** Folder that relative paths of the file start from. */
  readonly fileDirectory: string;
  /** This run's flags, or those remembered of an earlier one: they win over the file. */
  readonly flags: RepositoryChoice;
  /** Folder that relative paths of the flags start from. */
  readonly workingDirectory: string;
}

/** Name of the repository that a stack gets when nobody names one. */
const SCAFFOLD = "fleet";

/** Schema, then defaults, then rules. Throws `STACK_INVALID` with every problem, its path and the value seen (not of unknown keys). */
export function parseStackSpec(sources: StackSources): StackSpec {
  const { values, foreign, problems } = parseStackFile(sources.file);
  const { flags } = sources;
  const fromFile = values["dayzero:repository"] ?? {};

  const source =
    flags.source !== undefined
      ? absoluteSource(flags.source, sources.workingDirectory)
      : fromFile.source !== undefined
        ? absoluteSource(fromFile.source, sources.fileDirectory)
        : undefined;
  // Branch and path of the file belong to the file's repository, not to one named by a flag.
  const beside = flags.source === undefined ? fromFile : {};
  const branch = flags.branch ?? beside.branch;
  const repository: RepositorySpec = {
    name: source === undefined ? SCAFFOLD : repositoryName(source),
    ...(source === undefined ? {} : { source }),
    ...(branch === undefined ? {} : { branch }),
    path: flags.path ?? beside.path ?? ".",
  };

  const program = values["dayzero:program"] ?? "local";
  const vaultFile = values["dayzero:vault"] ?? {};
  const recipients = vaultFile.recipients ?? [];
  const shares = vaultFile.shares ?? Math.max(1, recipients.length);
  const vault: VaultSpec = {
    recipients,
    shares,
    threshold: vaultFile.threshold ?? usualThreshold(shares, recipients),
  };

  const found: Problem[] = [
    ...problems,
    ...checkName("stack", sources.stack),
    ...checkName("config.dayzero:program", program),
    ...checkRepository(repository, (field) =>
      flags[field] === undefined ? `config.dayzero:repository.${field}` : `--${field === "source" ? "repo" : field}`,
    ),
    ...checkVault(vault),
  ];
  if (found.length > 0) throw problemsError(`cannot use stack ${JSON.stringify(sources.stack)}`, found);
  return { stack: sources.stack, program, repository, vault, foreign };
}

/** A majority, and more than one of several people holds. */
function usualThreshold(shares: number, recipients: readonly string[]): number {
  const alone = recipients.length > 1 ? mostSharesOfOne({ shares, recipients }) : 0;
  return Math.min(shares, Math.max(shares === 1 ? 1 : Math.floor(shares / 2) + 1, alone + 1));
}

/** The spec as the program reads it: `new Config("dayzero").requireObject("repository")`, `"vault"`. */
export function toPulumiConfig(spec: StackSpec): Record<string, string> {
  return {
    ...spec.foreign,
    "dayzero:program": spec.program,
    "dayzero:repository": JSON.stringify(spec.repository),
    "dayzero:vault": JSON.stringify(spec.vault),
  };
}

/** A source that means the same from any folder; URLs and `host:path` stay as they are. */
export function absoluteSource(source: string, directory: string): string {
  if (source === "" || isAbsolute(source) || /^[\w+.-]+:(\/\/|:)/.test(source) || /^[^/\s]+:[^\\]/.test(source))
    return source;
  return resolve(directory, source);
}

/** Last part of a source as a DNS label: `git@forge:team/Fleet.git` -> `fleet`. */
function repositoryName(source: string): string {
  const last =
    source
      .replace(/[/\\]+$/, "")
      .replace(/\.git$/i, "")
      .split(/[/:\\]/)
      .at(-1) ?? "";
  const label = last
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 40)
    .replace(/^-+|-+$/g, "");
  return label === "" ? "repository" : label;
}
