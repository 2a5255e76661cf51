import { isAbsolute } from "node:path";
import type { ExistingSpec, LocalSpec } from "../../config/StackSpec.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { socketPath } from "../../machine/socketPath.ts";
import type { Context } from "../../resources/Resource.ts";
import { observeAndPlan, thisPlatform } from "../../toolchain/ensureTools.ts";
import { toolchainOptions } from "../provideTools.ts";
import type { Run } from "../Run.ts";
import { checkStateFolder } from "../stack/stateFolder.ts";
import { toolsOf } from "../toolsOf.ts";
import { askHeaders } from "./askHeaders.ts";
import { checkClock, type Timekeeper } from "./checkClock.ts";
import { checkCluster } from "./checkCluster.ts";
import { checkDisk } from "./checkDisk.ts";
import { checkFolder } from "./checkFolder.ts";
import { checkGit } from "./checkGit.ts";
import { checkGitServer, referencesUrl } from "./checkGitServer.ts";
import { checkLogin } from "./checkLogin.ts";
import { checkMemory } from "./checkMemory.ts";
import { checkNode } from "./checkNode.ts";
import { checkPorts } from "./checkPorts.ts";
import { checkRecipients } from "./checkRecipients.ts";
import { checkRepository } from "./checkRepository.ts";
import { checkRights } from "./checkRights.ts";
import { checkToolSources } from "./checkToolSources.ts";
import { checkTools } from "./checkTools.ts";
import { checkVault } from "./checkVault.ts";
import type { Finding } from "./Finding.ts";

/** The name of each check, and how to run it. */
export type Checks = ReadonlyMap<string, () => Promise<Finding> | Finding>;

/** Clocks of machines: tokens are checked to the second. */
const SYSTEMS_APART_MS = 3_000;
/** Of a stack on one machine only others' certificates depend on the clock. */
const WORLD_APART_MS = 60_000;

export interface MachineFacts {
  readonly program: "local" | "existing";
  readonly layout: StackLayout;
  readonly cacheDirectory: string;
  readonly mirror: string | undefined;
}

/** What is asked of this machine, whatever the stack is; and the clocks that are met on the way. */
export function machineChecks(
  run: Run,
  { program, layout, cacheDirectory, mirror }: MachineFacts,
): { checks: Checks; clocks: readonly Timekeeper[] } {
  const toolchain = toolchainOptions(run, { mirror, names: toolsOf(program) });
  const plan = toolchain.then((options) => observeAndPlan(options));
  // Whoever asks first tells of the failure.
  for (const one of [toolchain, plan]) one.catch(() => undefined);
  const mayBuild = async () =>
    (await plan).some((tool) => tool.kind === "missing" && tool.attempts.some(({ how }) => how === "build"));
  const checks = new Map<string, () => Promise<Finding> | Finding>([
    ["node", () => checkNode(process.version)],
    ["git", () => checkGit(run, { serves: program === "local" })],
    [
      "state folder",
      async () => {
        // In the words of `up`.
        await checkStateFolder(layout.directory);
        socketPath(layout.identitySocket);
        return checkFolder(layout.directory, "--state");
      },
    ],
    ["cache folder", () => checkFolder(cacheDirectory, "XDG_CACHE_HOME")],
    ["disk", async () => checkDisk({ state: layout.directory, cache: cacheDirectory, mayBuild: await mayBuild() })],
    ["memory", () => checkMemory(process.availableMemory(), program)],
    ["tools", async () => checkTools(await plan)],
    ["tool sources", async () => checkToolSources(await plan, await toolchain, thisPlatform())],
  ]);
  const isUrl = mirror !== undefined && /^https?:/.test(mirror);
  return { checks, clocks: isUrl ? [timekeeper("the mirror", mirror, run)] : [] };
}

/** What a stack on this machine needs besides. */
export function localChecks(
  run: Run,
  { spec, layout }: { spec: LocalSpec; layout: StackLayout },
  clocks: readonly Timekeeper[],
): Checks {
  const { source } = spec.repository;
  const forge =
    source === undefined || isAbsolute(source) || !/^https?:/.test(source)
      ? []
      : [timekeeper("the repository", source, run)];
  return new Map<string, () => Promise<Finding>>([
    ["ports", () => checkPorts(layout)],
    ["repository", () => checkRepository(run, { spec, layout })],
    ["recipients", () => checkRecipients(spec.vault.recipients)],
    ["clock", () => checkClock([...clocks, ...forge], WORLD_APART_MS)],
  ]);
}

/** What a stack on a cluster that is there needs of it, of Vault and of the Git server. */
export function existingChecks(run: Run, spec: ExistingSpec, context: Context, clocks: readonly Timekeeper[]): Checks {
  const { vault, repository } = spec;
  const client = () => context.kubernetes();
  const all: Timekeeper[] = [
    ...clocks,
    { where: "the API server", tell: async () => (await client()).serverTime() },
    timekeeper("Vault", `${vault.address}/v1/sys/health`, run, vault.kind === "external" ? vault.ca : undefined),
    timekeeper("the Git server", referencesUrl(repository), run, repository.ca),
  ];
  const checks = new Map<string, () => Promise<Finding>>([
    ["cluster", async () => checkCluster(await client())],
    ["rights", async () => checkRights(await client(), spec)],
    ["repository", () => checkGitServer(repository, run.environment)],
  ]);
  if (vault.kind === "external") {
    checks.set("vault", () => checkVault(vault));
    checks.set("vault login", () => checkLogin(vault.login, () => context.vault()));
  } else {
    checks.set("recipients", () => checkRecipients(vault.recipients));
  }
  checks.set("clock", () => checkClock(all, SYSTEMS_APART_MS));
  return checks;
}

function timekeeper(where: string, url: string, { environment }: Pick<Run, "environment">, ca?: string): Timekeeper {
  return { where, tell: async () => (await askHeaders(url, { ca, environment })).date };
}
