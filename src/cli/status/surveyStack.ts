import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { LedgerEntry } from "../../credentials/LedgerEntry.ts";
import { findDetached } from "../../machine/DetachedProcess.ts";
import { exists } from "../../machine/exists.ts";
import { serverUrl } from "../../machine/readPorts.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import type { RepositoryCredentialLive } from "../../resources/gitops/RepositoryCredentialResource.ts";
import type { ProcessLive } from "../../resources/local/ProcessResource.ts";
import type { Context } from "../../resources/Resource.ts";
import { loadResource, resourceTypes } from "../../resources/registry.ts";
import { sortLedger } from "../sortLedger.ts";
import { type ApplicationStatus, askApplication } from "./askApplication.ts";
import { recoveryProblems } from "./recoveryProblems.ts";
import { within } from "./within.ts";

/** Nothing is waited for longer than this: whatever does not answer counts as not there. */
const PATIENCE_MS = 5_000;

const PROCESS = "dayzero:local:Process";
const INITIALIZATION = "dayzero:vault:Initialization";
const ROOT_TOKEN = "dayzero:vault:RootToken";
const CREDENTIAL = "dayzero:gitops:RepositoryCredential";

export interface ProcessStatus {
  readonly name: string;
  readonly pid: number | null;
  readonly healthy: boolean;
}

/** What GitOps reads a repository with; never its value. */
export interface CredentialStatus {
  readonly name: string;
  readonly issuer: string;
  readonly expiresAt: string;
  /** When it is due to be replaced. */
  readonly nextRenewal: string;
}

/** What the live system says of a stack; the program is not run, and any part may be dead. */
export interface Survey {
  readonly processes: readonly ProcessStatus[];
  readonly application: ApplicationStatus | undefined;
  readonly credentials: readonly CredentialStatus[];
  readonly ledger: readonly LedgerEntry[];
  /** Types of which not everything could be looked at: credentials that they hold are missing from the ledger. */
  readonly unobservable: readonly string[];
  /** What is lost of the way back into Vault, which nothing needs yet. */
  readonly recovery: readonly string[];
  /** Bare repositories of the stack: where a person pushes to. */
  readonly repositories: readonly string[];
}

export async function surveyStack(layout: StackLayout, context: Context): Promise<Survey> {
  const [{ found, unobservable }, application, recovery, repositories] = await Promise.all([
    findResources(layout, context),
    within(PATIENCE_MS, () => askApplication(context)),
    within(PATIENCE_MS, () => recoveryProblems(layout, context)),
    findRepositories(layout),
  ]);
  const processes = await Promise.all(
    found.filter(({ type }) => type === PROCESS).map(({ id, live }) => processStatus(layout, id, live)),
  );
  processes.sort((one, other) => one.name.localeCompare(other.name));
  return {
    processes,
    application,
    credentials: found.flatMap(({ type, live }) => {
      if (type !== CREDENTIAL || live === undefined) return [];
      const { secretName, issuer, expiresAt, nextRenewal } = live as RepositoryCredentialLive;
      return [{ name: secretName, issuer, expiresAt, nextRenewal }];
    }),
    ledger: sortLedger(found.flatMap(({ ledger }) => ledger)),
    unobservable,
    recovery: recovery ?? [],
    repositories,
  };
}

/** One that does not answer in time is asked of the system, so that a stuck process is not taken for a dead one. */
async function processStatus(layout: StackLayout, name: string, live: object | undefined): Promise<ProcessStatus> {
  const seen = live as ProcessLive | undefined;
  const pid = seen?.pid ?? (await findDetached(layout.pidFile(name), layout.directory))?.pid ?? null;
  return { name, pid, healthy: seen?.ready === true };
}

interface FoundResource {
  readonly type: string;
  readonly id: string;
  readonly live: object | undefined;
  readonly ledger: readonly LedgerEntry[];
}

/** What processes and credentials there are by the resources of the registry, as it is live now. */
async function findResources(
  layout: StackLayout,
  context: Context,
): Promise<{ found: FoundResource[]; unobservable: string[] }> {
  const unobservable = new Set<string>();
  /** `undefined` for what fails or does not come in time, which is remembered. */
  const observe = async <Value>(type: string, ask: () => Promise<Value>): Promise<Value | undefined> => {
    const answer = await within(PATIENCE_MS, async () => ({ value: await ask() }));
    if (answer === undefined) unobservable.add(type);
    return answer?.value;
  };
  const found = await Promise.all(
    resourceTypes.map(async (type) => {
      const resource = await loadResource(type);
      if (resource?.ledger === undefined) return [];
      const ids = await observe(type, async () => NOT_OWNED[type]?.(layout) ?? resource.owned(context.stack, context));
      return Promise.all(
        (ids ?? []).map(async (id): Promise<FoundResource> => {
          const live: object | undefined = await observe(type, () => resource.read(id, context));
          const ledger = live === undefined ? [] : (resource.ledger?.(id, live) ?? []);
          return { type, id, live, ledger };
        }),
      );
    }),
  );
  return { found: found.flat(), unobservable: [...unobservable].sort() };
}

/** Never dropped by a program that stops mentioning them, so they are not among what is owned: files tell of them. */
const NOT_OWNED: Readonly<Record<string, (layout: StackLayout) => Promise<string[]>>> = {
  [INITIALIZATION]: async (layout) =>
    (await exists(layout.vault("shares.age.json"))) ? [`${await serverUrl(layout, "vault")} platform`] : [],
  [ROOT_TOKEN]: async (layout) => ((await exists(layout.vault("root-token.age"))) ? ["initial"] : []),
};

async function findRepositories(layout: StackLayout): Promise<string[]> {
  const folder = join(layout.directory, "git");
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith(".git")).map((name) => join(folder, name));
}
