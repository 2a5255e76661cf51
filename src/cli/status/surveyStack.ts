import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { LedgerEntry } from "../../credentials/LedgerEntry.ts";
import { findDetached } from "../../machine/DetachedProcess.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import type { RepositoryCredentialLive } from "../../resources/gitops/RepositoryCredentialResource.ts";
import type { ProcessLive } from "../../resources/local/ProcessResource.ts";
import type { Context } from "../../resources/Resource.ts";
import { loadResource, resourceTypes } from "../../resources/registry.ts";
import { vaultAddress } from "../vaultAddress.ts";
import { type ApplicationStatus, askApplication } from "./askApplication.ts";
import { askNextRenewal } from "./askNextRenewal.ts";
import { within } from "./within.ts";

/** Nothing is waited for longer than this: whatever does not answer counts as not there. */
const PATIENCE_MS = 5_000;

const PROCESS = "dayzero:local:Process";
const INITIALIZATION = "dayzero:vault:Initialization";
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
  /** When the renewer is going to replace it; null when that does not answer. */
  readonly nextRenewal: string | null;
}

/** What the live system says of a stack; the program is not run, and any part may be dead. */
export interface Survey {
  readonly processes: readonly ProcessStatus[];
  readonly application: ApplicationStatus | undefined;
  readonly credentials: readonly CredentialStatus[];
  readonly ledger: readonly LedgerEntry[];
  /** Bare repositories of the stack: where a person pushes to. */
  readonly repositories: readonly string[];
}

export async function surveyStack(layout: StackLayout, context: Context): Promise<Survey> {
  const [found, application, nextRenewal, repositories] = await Promise.all([
    findResources(layout, context),
    within(PATIENCE_MS, () => askApplication(context)),
    within(PATIENCE_MS, () => askNextRenewal(layout)),
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
      const { secretName, issuer, expiresAt } = live as RepositoryCredentialLive;
      return [{ name: secretName, issuer, expiresAt, nextRenewal: nextRenewal ?? null }];
    }),
    ledger: found.flatMap(({ ledger }) => ledger),
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

/** All that the registry's resources own, as it is live now. */
async function findResources(layout: StackLayout, context: Context): Promise<FoundResource[]> {
  const found = await Promise.all(
    resourceTypes.map(async (type) => {
      const resource = await loadResource(type);
      if (resource === undefined) return [];
      const owned =
        type === INITIALIZATION ? () => initializedVault(layout) : () => resource.owned(context.stack, context);
      const ids = (await within(PATIENCE_MS, owned)) ?? [];
      return Promise.all(
        ids.map(async (id): Promise<FoundResource> => {
          const live: object | undefined = await within(PATIENCE_MS, () => resource.read(id, context));
          const ledger = live === undefined ? [] : (resource.ledger?.(id, live) ?? []);
          return { type, id, live, ledger };
        }),
      );
    }),
  );
  return found.flat();
}

/** A Vault is never dropped by a program that stops mentioning it, so it is not among what is owned: its shares tell. */
async function initializedVault(layout: StackLayout): Promise<string[]> {
  await access(layout.vault("shares.age.json"));
  return [`${await vaultAddress(layout)} platform`];
}

async function findRepositories(layout: StackLayout): Promise<string[]> {
  const folder = join(layout.directory, "git");
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith(".git")).map((name) => join(folder, name));
}

/** Everything runs, Argo CD has reconciled the repository, and its credential is good. */
export function isHealthy({ processes, application, credentials }: Survey, now: Date): boolean {
  return (
    processes.length > 0 &&
    processes.every(({ healthy }) => healthy) &&
    application?.sync === "Synced" &&
    application.health === "Healthy" &&
    credentials.length > 0 &&
    credentials.every(({ expiresAt }) => Date.parse(expiresAt) > now.getTime())
  );
}
