import { isAbsolute, join, resolve } from "node:path";
import {
  checkCluster,
  checkExistingRepository,
  checkExternalVault,
  checkGitOps,
  checkInstall,
} from "./existingRules.ts";
import { type Problem, problemsError } from "./Problem.ts";
import type {
  CommonSpec,
  ExistingSpec,
  GitOpsSpec,
  InClusterVaultSpec,
  LocalSpec,
  RepositoryChoice,
  RepositorySpec,
  SealingSpec,
  SealSpec,
  StackSpec,
  VaultLogin,
} from "./StackSpec.ts";
import { checkName, checkRepository, checkSealing, mostSharesOfOne } from "./stackRules.ts";
import { fromPulumiConfig, type ParsedStackFile, parseStackFile, type VaultFile } from "./stackSchema.ts";

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
  /** What `~` stands for in the file. */
  readonly home: string | undefined;
}

/** Name of the repository that a stack gets when nobody names one. */
const SCAFFOLD = "fleet";

/** Schema, then defaults, then rules. Throws `STACK_INVALID` with every problem, its path and the value seen (not of unknown keys). */
export function parseStackSpec(sources: StackSources): StackSpec {
  const file = parseStackFile(sources.file);
  const problems = [...file.problems, ...checkName("stack", sources.stack)];
  const path = (written: string) => absolutePath(written, sources);
  const spec =
    file.values["dayzero:program"] === "existing"
      ? existingSpec(sources, file, path, problems)
      : localSpec(sources, file, path, problems);
  if (problems.length > 0) throw problemsError(`cannot use stack ${JSON.stringify(sources.stack)}`, problems);
  // Only what has a problem can be undefined.
  return spec as StackSpec;
}

/** The same from the configuration of a run, as Pulumi hands it to programs and plugins; what `toPulumiConfig` made comes back as it was. */
export function parsePulumiConfig(
  config: Readonly<Record<string, string>>,
  at: { stack: string; directory: string; home: string | undefined },
): StackSpec {
  return parseStackSpec({
    stack: at.stack,
    file: fromPulumiConfig(config),
    fileDirectory: at.directory,
    flags: {},
    workingDirectory: at.directory,
    home: at.home,
  });
}

/** The configuration that a program reads with `readStackSpec()`. */
export function toPulumiConfig(spec: StackSpec): Record<string, string> {
  const own: Record<string, unknown> =
    spec.program === "local"
      ? { repository: spec.repository, vault: spec.vault }
      : { cluster: spec.cluster, repository: spec.repository, gitops: spec.gitops, vault: unmarked(spec.vault) };
  return {
    ...spec.foreign,
    "dayzero:program": spec.program,
    ...(spec.state === undefined ? {} : { "dayzero:state": spec.state }),
    ...Object.fromEntries(Object.entries(own).map(([key, value]) => [`dayzero:${key}`, JSON.stringify(value)])),
  };
}

/** Absolute folder of the stacks' state that a file names; undefined when it names none, or has it wrong. Looks at nothing else. */
export function stateOfFile(sources: Pick<StackSources, "file" | "fileDirectory" | "home">): string | undefined {
  const state = parseStackFile(sources.file).values["dayzero:state"];
  return state === undefined || state === "" ? undefined : absolutePath(state, sources);
}

/** Which program a file names, or undefined. Looks at nothing else. */
export function programOfFile(file: unknown): StackSpec["program"] | undefined {
  return parseStackFile(file).values["dayzero:program"];
}

function unmarked({ kind: _, ...vault }: ExistingSpec["vault"]): object {
  return vault;
}

type Paths = (written: string) => string;

function localSpec(sources: StackSources, file: ParsedStackFile, path: Paths, problems: Problem[]): LocalSpec {
  const { values, foreign } = file;
  const { flags } = sources;
  const fromFile = values["dayzero:repository"] ?? {};
  const source =
    flags.source !== undefined
      ? absoluteSource(flags.source, sources.workingDirectory)
      : fromFile.source !== undefined
        ? absoluteSource(expandHome(fromFile.source, sources.home), sources.fileDirectory)
        : undefined;
  // What the file says beside its source belongs to that repository, not to one named by a flag.
  const beside = flags.source === undefined ? fromFile : {};
  const branch = flags.branch ?? beside.branch;
  const repository: RepositorySpec = {
    name: beside.name ?? (source === undefined ? SCAFFOLD : repositoryName(source)),
    ...optional({ source, branch }),
    path: flags.path ?? beside.path ?? ".",
  };
  const vault = sealing(values["dayzero:vault"] ?? {});
  problems.push(
    ...checkRepository(repository, (field) =>
      field === "name" || flags[field] === undefined
        ? `config.dayzero:repository.${field}`
        : `--${field === "source" ? "repo" : field}`,
    ),
    ...checkSealing(vault),
  );
  return { ...common(sources, file, path), program: "local", repository, vault, foreign };
}

function existingSpec(
  sources: StackSources,
  file: ParsedStackFile,
  path: Paths,
  problems: Problem[],
): Partial<ExistingSpec> {
  const { values, foreign } = file;
  for (const [name, value] of Object.entries(sources.flags)) {
    if (value === undefined) continue;
    problems.push({
      path: `--${name === "source" ? "repo" : name}`,
      message: `is for stacks with dayzero:program: local; set config.dayzero:repository.${name} in the stack's file`,
      seen: value,
    });
  }
  const broken = (key: string) => problems.some((problem) => problem.path.startsWith(`config.dayzero:${key}`));

  const cluster = values["dayzero:cluster"];
  if (cluster !== undefined || !broken("cluster")) problems.push(...checkCluster(cluster));

  const written = values["dayzero:repository"];
  const repository =
    written === undefined && broken("repository")
      ? undefined
      : {
          name: written?.name ?? repositoryName(written?.source ?? SCAFFOLD),
          source: written?.source ?? "",
          ...optional({ branch: written?.branch, ca: written?.ca }),
          path: written?.path ?? ".",
        };
  if (repository !== undefined) problems.push(...checkExistingRepository(repository));

  const vaultFile = values["dayzero:vault"];
  const vault = vaultFile === undefined && broken("vault") ? undefined : existingVault(vaultFile ?? {}, path, problems);

  const gitopsFile = values["dayzero:gitops"] ?? {};
  problems.push(...checkGitOps(gitopsFile, repository?.name));
  const { variant = "core", agentImage, adopt } = gitopsFile;
  const gitops: GitOpsSpec = { ...(adopt === undefined ? { variant } : { adopt }), ...optional({ agentImage }) };
  return {
    ...common(sources, file, path),
    program: "existing",
    ...optional({
      cluster: cluster && { ...cluster, kubeconfig: path(cluster.kubeconfig) },
      repository,
      vault,
    }),
    gitops,
    foreign,
  };
}

function existingVault(file: VaultFile, path: Paths, problems: Problem[]): ExistingSpec["vault"] | undefined {
  const address = originOf(file.address ?? "");
  if (file.install !== undefined) {
    const { namespace = "openbao", image, storage = "10Gi", storageClass, networks = [] } = file.install;
    const seal = sealOf(file.install.seal);
    // Each pod of a Shamir seal is opened by hand after each of its starts: with one that is bearable.
    const { replicas = seal.type === "shamir" ? 1 : 3 } = file.install;
    const vault: InClusterVaultSpec = {
      kind: "in-cluster",
      address,
      install: { namespace, replicas, storage, ...optional({ image, storageClass }), networks, seal },
      ...sealing(file),
    };
    problems.push(...checkInstall(vault, file), ...checkSealing(vault));
    return vault;
  }
  problems.push(...checkExternalVault(file));
  if (file.login === undefined) return undefined;
  return { kind: "external", address, ...optional({ ca: file.ca }), login: loginOf(file.login, path) };
}

function loginOf(login: NonNullable<VaultFile["login"]>, path: Paths): VaultLogin {
  switch (login.method) {
    case "jwt":
      return { ...login, mount: login.mount ?? "jwt", tokenFile: path(login.tokenFile) };
    case "kubernetes":
      return { ...login, mount: login.mount ?? "kubernetes" };
    case "token":
      return login;
  }
}

function sealOf(seal: NonNullable<VaultFile["install"]>["seal"] = { type: "shamir" }): SealSpec {
  return seal.type === "shamir" ? seal : { ...seal, settings: seal.settings ?? {}, egress: seal.egress ?? [] };
}

function sealing(file: VaultFile): SealingSpec {
  const recipients = file.recipients ?? [];
  const shares = file.shares ?? Math.max(1, recipients.length);
  return { recipients, shares, threshold: file.threshold ?? usualThreshold(shares, recipients) };
}

function common(sources: StackSources, { values }: ParsedStackFile, path: Paths): Pick<CommonSpec, "stack" | "state"> {
  const state = values["dayzero:state"];
  return { stack: sources.stack, ...optional({ state: state === undefined ? undefined : path(state) }) };
}

/** A majority, and more than one of several people holds. */
function usualThreshold(shares: number, recipients: readonly string[]): number {
  const alone = recipients.length > 1 ? mostSharesOfOne({ shares, recipients }) : 0;
  return Math.min(shares, Math.max(shares === 1 ? 1 : Math.floor(shares / 2) + 1, alone + 1));
}

/** A path of the file that means the same from any folder. */
function absolutePath(written: string, { fileDirectory, home }: Pick<StackSources, "fileDirectory" | "home">): string {
  return resolve(fileDirectory, expandHome(written, home));
}

function expandHome(written: string, home: string | undefined): string {
  return home !== undefined && /^~(\/|$)/.test(written) ? join(home, written.slice(1)) : written;
}

/** A source that means the same from any folder; URLs and `host:path` stay as they are. */
export function absoluteSource(source: string, directory: string): string {
  if (source === "" || isAbsolute(source) || /^[\w+.-]+:(\/\/|:)/.test(source) || /^[^/\s]+:[^\\]/.test(source))
    return source;
  return resolve(directory, source);
}

/** An address that passed the rules as `https://host[:port]`; any other stays as it is. */
function originOf(address: string): string {
  return URL.canParse(address) && new URL(address).protocol === "https:" ? new URL(address).origin : address;
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

/** Without the fields that nobody gave. */
function optional<Fields extends Record<string, unknown>>(
  fields: Fields,
): { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Fields]?: Exclude<Fields[Key], undefined>;
  };
}
