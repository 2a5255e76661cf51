import type { KubernetesClient, KubernetesManifest } from "../clients/KubernetesClient.ts";
import { KubernetesError } from "../clients/KubernetesError.ts";
import { DayzeroError } from "../config/DayzeroError.ts";
import { repositorySecret, repositorySecretName } from "../manifests/repositorySecret.ts";
import type { GitCredential } from "./Issuer.ts";
import { type RepositorySecretState, repositorySecretState } from "./RepositorySecretState.ts";

export interface SwapTarget {
  readonly namespace: string;
  readonly repository: string;
  readonly url: string;
  /** Labels of a Secret that is made; one that is there keeps its own besides. */
  readonly labels: Readonly<Record<string, string>>;
  /** Who writes, where somebody relies on knowing it. */
  readonly writer?: string;
  /** Secret whose place it takes; once said, it stays. */
  readonly replaces?: string;
  /** A Secret that is for another URL is left alone: the configuration of who writes is an old one. */
  readonly onlySameUrl?: boolean;
}

const ATTEMPTS = 5;

export async function readRepositorySecret(
  client: KubernetesClient,
  { namespace, repository }: Pick<SwapTarget, "namespace" | "repository">,
): Promise<KubernetesManifest | undefined> {
  return client.get({ apiVersion: "v1", kind: "Secret", namespace, name: repositorySecretName(repository) });
}

/** Throws `REPOSITORY_URL_CHANGED` when the Secret is for another URL than its writer was told. */
export function requireSameUrl({ namespace, repository, url }: SwapTarget, state: RepositorySecretState): void {
  if (state.url === url) return;
  throw new DayzeroError(
    "REPOSITORY_URL_CHANGED",
    `cannot renew Secret ${namespace}/${repositorySecretName(repository)}: it is for ${JSON.stringify(state.url)}, not ${JSON.stringify(url)}`,
    { hint: "it is left as it is: run `dayzero up`, which tells the renewing process the URL" },
  );
}

/**
 * Puts a credential in the place of the one before, by compare-and-swap: every write names the version it replaces and counts the
 * epoch up. A racing writer whose credential lives as long or longer wins, and ours is left to expire unused.
 *
 * Returns what then stands in the Secret.
 */
export async function swapRepositorySecret(
  client: KubernetesClient,
  target: SwapTarget,
  credential: GitCredential,
): Promise<RepositorySecretState> {
  let raced = false;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const live = await readRepositorySecret(client, target);
    const state = live === undefined ? undefined : repositorySecretState(live);
    if (target.onlySameUrl === true && state !== undefined) requireSameUrl(target, state);
    if (raced && state !== undefined && state.url === target.url && state.expiresAt >= credential.expiresAt)
      return state;
    const resourceVersion = live?.metadata.resourceVersion;
    const next = repositorySecret({
      ...target,
      ...credential,
      epoch: (state?.epoch ?? 0) + 1,
      writer: target.writer ?? "",
      replaces: target.replaces ?? state?.replaces ?? "",
      labels: { ...live?.metadata.labels, ...target.labels },
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    });
    try {
      return repositorySecretState(await (live === undefined ? client.create(next) : client.replace(next)));
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.status !== 409) throw error;
      raced = true;
    }
  }
  throw new DayzeroError(
    "CREDENTIAL_SWAP_CONTENDED",
    `cannot write Secret ${target.namespace}/${repositorySecretName(target.repository)}: somebody else changed it ${ATTEMPTS} times`,
    { hint: "see in logs/audit.log who writes this Secret" },
  );
}
