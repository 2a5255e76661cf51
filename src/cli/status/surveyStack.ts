import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { failureOf } from "../../config/failureOf.ts";
import type { ExistingSpec } from "../../config/StackSpec.ts";
import type { LedgerEntry } from "../../credentials/LedgerEntry.ts";
import { auditLogProblem } from "../../machine/auditLogProblem.ts";
import { findDetached } from "../../machine/DetachedProcess.ts";
import { exists } from "../../machine/exists.ts";
import { serverUrl } from "../../machine/readPorts.ts";
import { readRestarts } from "../../machine/restarts.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { ARGOCD_NAMESPACE } from "../../manifests/argocd/controllerIdentity.ts";
import { openBaoAuthority } from "../../manifests/openbao/openBaoNames.ts";
import type { RepositoryCredentialLive } from "../../resources/gitops/RepositoryCredentialResource.ts";
import type { ProcessLive } from "../../resources/local/ProcessResource.ts";
import type { Context } from "../../resources/Resource.ts";
import { loadResource, resourceTypes } from "../../resources/registry.ts";
import type { InitializationLive } from "../../resources/vault/InitializationResource.ts";
import { sortLedger } from "../sortLedger.ts";
import { type ApplicationStatus, askApplication } from "./askApplication.ts";
import { askRenewer } from "./askRenewer.ts";
import { recoveryProblems } from "./recoveryProblems.ts";
import { within } from "./within.ts";

/** Nothing is waited for longer than this: whatever does not answer counts as not there. */
const PATIENCE_MS = 5_000;

const PROCESS = "dayzero:local:Process";
const INITIALIZATION = "dayzero:vault:Initialization";
const ROOT_TOKEN = "dayzero:vault:RootToken";
const HANDOVER = "dayzero:gitops:Handover";
const CREDENTIAL = "dayzero:gitops:RepositoryCredential";

export interface ProcessStatus {
  readonly name: string;
  readonly pid: number | null;
  readonly healthy: boolean;
  /** When others of the stack restarted it, the first time first; of the last day. */
  readonly restarts: readonly Date[];
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
  /** Why GitOps' credentials are not known; then none are listed. */
  readonly credentialsUnknown: string | undefined;
  /** Why the renewer of a local stack cannot renew; it goes on trying. */
  readonly renewalFailure: string | undefined;
  /** Why the embedded Vault cannot write its audit log. */
  readonly auditProblem: string | undefined;
  /** Vault is sealed, or does not answer. */
  readonly vaultClosed: boolean;
  /** What is lost of the way back into Vault, which nothing needs yet. */
  readonly recovery: readonly string[];
  /** Bare repositories of the stack: where a person pushes to. */
  readonly repositories: readonly string[];
}

/** `existing`: what the configuration says of a cluster of somebody else. */
export async function surveyStack(
  layout: StackLayout,
  context: Context,
  existing: ExistingSpec | undefined,
): Promise<Survey> {
  const [{ found, unobservable }, application, renewal, auditProblem, recovery, repositories] = await Promise.all([
    findResources(layout, context, existing),
    within(PATIENCE_MS, () => askApplication(context)),
    existing === undefined ? within(PATIENCE_MS, () => askRenewer(layout)) : undefined,
    existing === undefined ? within(PATIENCE_MS, () => auditLogProblem(layout)) : undefined,
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
    unobservable: [...unobservable.keys()].sort(),
    credentialsUnknown: unobservable.get(CREDENTIAL),
    renewalFailure: renewal?.lastError ?? undefined,
    auditProblem,
    vaultClosed: found.some(
      ({ type, live }) => type === INITIALIZATION && (live as InitializationLive | undefined)?.sealed === true,
    ),
    recovery: recovery ?? [],
    repositories,
  };
}

/** One that does not answer in time is asked of the system, so that a stuck process is not taken for a dead one. */
async function processStatus(layout: StackLayout, name: string, live: object | undefined): Promise<ProcessStatus> {
  const seen = live as ProcessLive | undefined;
  const pid = seen?.pid ?? (await findDetached(layout.pidFile(name), layout.directory))?.pid ?? null;
  return { name, pid, healthy: seen?.ready === true, restarts: await readRestarts(layout, name) };
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
  existing: ExistingSpec | undefined,
): Promise<{ found: FoundResource[]; unobservable: ReadonlyMap<string, string> }> {
  const unobservable = new Map<string, string>();
  /** `undefined` for what fails or does not come in time, which is remembered. */
  const observe = async <Value>(type: string, ask: () => Promise<Value>): Promise<Value | undefined> => {
    let failure: unknown;
    const answer = await within(PATIENCE_MS, async () => {
      try {
        return { value: await ask() };
      } catch (error) {
        failure = error;
        throw error;
      }
    });
    const late = `no answer in ${PATIENCE_MS / 1000} s`;
    if (answer === undefined) unobservable.set(type, failure === undefined ? late : failureOf(failure).message);
    return answer?.value;
  };
  const found = await Promise.all(
    resourceTypes.map(async (type) => {
      const resource = await loadResource(type);
      if (resource?.ledger === undefined) return [];
      const ids = await observe(
        type,
        async () => notOwned(type, layout, existing) ?? resource.owned(context.stack, context),
      );
      return Promise.all(
        (ids ?? []).map(async (id): Promise<FoundResource> => {
          const live: object | undefined = await observe(type, () => resource.read(id, context));
          const ledger = live === undefined ? [] : (resource.ledger?.(id, live) ?? []);
          return { type, id, live, ledger };
        }),
      );
    }),
  );
  return { found: found.flat(), unobservable };
}

/** Never dropped by a program that stops mentioning them, so they are not among what is owned: files tell of them, and the configuration. */
function notOwned(
  type: string,
  layout: StackLayout,
  existing: ExistingSpec | undefined,
): Promise<string[]> | undefined {
  const ifThere = async (file: string, id: () => Promise<string> | string) =>
    (await exists(layout.vault(file))) ? [await id()] : [];
  switch (type) {
    case INITIALIZATION:
      return ifThere("shares.age.json", async () => {
        if (existing?.vault.kind !== "in-cluster") return `${await serverUrl(layout, "vault")} platform`;
        return `${existing.vault.address} ${openBaoAuthority(existing.vault.install)}`;
      });
    case ROOT_TOKEN:
      return ifThere("root-token.age", () => "initial");
    case HANDOVER:
      return Promise.resolve(
        existing?.gitops.adopt === undefined ? [] : [`${ARGOCD_NAMESPACE}/${existing.gitops.adopt}`],
      );
    default:
      return undefined;
  }
}

async function findRepositories(layout: StackLayout): Promise<string[]> {
  const folder = join(layout.directory, "git");
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith(".git")).map((name) => join(folder, name));
}
