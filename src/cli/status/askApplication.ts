import { rootApplicationReference } from "../../manifests/argocd/rootApplication.ts";
import type { Context } from "../../resources/Resource.ts";

/** The root Application as Argo CD last judged it. */
export interface ApplicationStatus {
  readonly sync: string;
  readonly health: string;
  /** The commit that was last compared; undefined while there is none, as after a push that could not be rendered. */
  readonly revision: string | undefined;
  readonly branch: string | undefined;
  /** Why it is not reconciled, in Argo CD's words, on one line. */
  readonly trouble: string | undefined;
}

interface Application {
  readonly spec?: { readonly source?: { readonly targetRevision?: string } };
  readonly status?: {
    readonly sync?: { readonly status?: string; readonly revision?: string };
    readonly health?: { readonly status?: string };
    readonly conditions?: readonly { readonly type?: string; readonly message?: string }[];
    readonly operationState?: { readonly phase?: string; readonly message?: string };
  };
}

/** Undefined when there is no root Application yet; throws when the cluster does not answer. */
export async function askApplication(context: Context): Promise<ApplicationStatus | undefined> {
  const kubernetes = await context.kubernetes();
  const application = await kubernetes.get<Application>(rootApplicationReference);
  if (application === undefined) return undefined;
  const { spec, status } = application;
  const revision = status?.sync?.revision ?? "";
  return {
    sync: status?.sync?.status ?? "Unknown",
    health: status?.health?.status ?? "Unknown",
    // Where it could not be resolved, Argo CD repeats what was asked for.
    revision: /^[0-9a-f]{40}$/.test(revision) ? revision : undefined,
    branch: spec?.source?.targetRevision,
    trouble: troubleOf(status),
  };
}

const TROUBLES = ["ComparisonError", "InvalidSpecError", "SyncError"];
const MESSAGE_LENGTH = 500;

/** What cannot be compared comes first; an operation that failed says nothing once everything is in sync. */
export function troubleOf(status: Application["status"]): string | undefined {
  const condition = status?.conditions?.find(({ type = "" }) => TROUBLES.includes(type))?.message;
  const { phase = "", message } = status?.operationState ?? {};
  // One that is tried again counts as running.
  const failing = ["Failed", "Error"].includes(phase) || (phase === "Running" && /retrying/i.test(message ?? ""));
  const trouble = condition ?? (failing && status?.sync?.status !== "Synced" ? message : undefined);
  const line = trouble?.trim().replace(/\s+/g, " ");
  return line !== undefined && line.length > MESSAGE_LENGTH ? `${line.slice(0, MESSAGE_LENGTH - 1)}…` : line;
}
