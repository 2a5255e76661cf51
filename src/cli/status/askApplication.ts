import { rootApplicationReference } from "../../manifests/argocd/rootApplication.ts";
import type { Context } from "../../resources/Resource.ts";

/** The root Application as Argo CD last judged it. */
export interface ApplicationStatus {
  readonly sync: string;
  readonly health: string;
  readonly revision: string | undefined;
  readonly branch: string | undefined;
}

interface Application {
  readonly spec?: { readonly source?: { readonly targetRevision?: string } };
  readonly status?: {
    readonly sync?: { readonly status?: string; readonly revision?: string };
    readonly health?: { readonly status?: string };
  };
}

/** Undefined when there is no root Application yet; throws when the cluster does not answer. */
export async function askApplication(context: Context): Promise<ApplicationStatus | undefined> {
  const kubernetes = await context.kubernetes();
  const application = await kubernetes.get<Application>(rootApplicationReference);
  if (application === undefined) return undefined;
  return {
    sync: application.status?.sync?.status ?? "Unknown",
    health: application.status?.health?.status ?? "Unknown",
    revision: application.status?.sync?.revision,
    branch: application.spec?.source?.targetRevision,
  };
}
