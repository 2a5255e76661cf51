import type { KubernetesClient, KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { SECRET_TYPE } from "../../manifests/repositorySecret.ts";

/** What of a repository Secret is lost with it, and no loss: the credential itself and how it was presented. */
const REPLACED: ReadonlySet<string> = new Set([
  ...["type", "name", "url", "project", "username", "password", "bearerToken", "forceHttpBasicAuth", "insecure"],
]);

interface Adopted {
  readonly namespace: string;
  readonly name: string;
  readonly url: string;
  readonly stack: string;
}

/**
 * The Secret that is to be replaced, if it is there still and not the stack's own; its values are looked at, never told.
 *
 * Throws SECRET_NOT_ADOPTABLE for one that is not the credential of this very repository, or that would come back.
 */
export async function readAdopted(
  client: KubernetesClient,
  { namespace, name, url, stack }: Adopted,
): Promise<KubernetesManifest | undefined> {
  const secret = await client.get({ apiVersion: "v1", kind: "Secret", namespace, name });
  const labels = secret?.metadata.labels ?? {};
  if (secret === undefined || labels[STACK_LABEL] === stack) return undefined;
  const refused = (why: string, hint: string) =>
    new DayzeroError("SECRET_NOT_ADOPTABLE", `cannot replace Secret ${namespace}/${name}: ${why}`, { hint });
  const another = "name in dayzero:gitops.adopt the Secret that Argo CD reads this repository with";
  if (labels[SECRET_TYPE] !== "repository") {
    throw refused(`its label ${SECRET_TYPE} is "${labels[SECRET_TYPE] ?? ""}", not "repository"`, another);
  }
  if (normalized(urlIn(secret)) !== normalized(url)) throw refused("it is for another repository", another);
  const further = Object.keys((secret.data ?? {}) as object).filter((key) => !REPLACED.has(key));
  if (further.length > 0) {
    throw refused(
      `it also says ${further.join(", ")}, which the new one would not`,
      "see whether Argo CD needs it, and take it out",
    );
  }
  const { ownerReferences = [] } = secret.metadata as { ownerReferences?: { kind: string; name: string }[] };
  const [owner] = ownerReferences;
  if (owner !== undefined) {
    throw refused(
      `${owner.kind} ${owner.name} would make it again`,
      `remove ${owner.kind} ${owner.name} so that it leaves the Secret in place`,
    );
  }
  return secret;
}

/** Name of a Secret that Argo CD reads the repository with, which is not the stack's own; undefined where there is none. */
export async function otherSecretOf(
  client: KubernetesClient,
  { namespace, url, stack }: Omit<Adopted, "name">,
): Promise<string | undefined> {
  const labelSelector = `${SECRET_TYPE}=repository`;
  const secrets = await client.list({ apiVersion: "v1", kind: "Secret", namespace }, { labelSelector });
  const found = secrets.find(
    (secret) => secret.metadata.labels?.[STACK_LABEL] !== stack && normalized(urlIn(secret)) === normalized(url),
  );
  return found?.metadata.name;
}

export function nothingToAdopt({ namespace, name }: Adopted, other: string): DayzeroError {
  return new DayzeroError("SECRET_MISSING", `cannot replace Secret ${namespace}/${name}: there is none`, {
    hint: `Argo CD reads this repository with Secret ${other}: name that one in dayzero:gitops.adopt`,
  });
}

function urlIn({ data }: KubernetesManifest): string {
  return Buffer.from((data as Readonly<Record<string, string>> | undefined)?.url ?? "", "base64").toString("utf8");
}

/** As Argo CD compares URLs of repositories. Source: Argo CD, util/git (NormalizeGitURL). */
function normalized(url: string): string {
  return url
    .trim()
    .toLowerCase()
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");
}
