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
}

const ATTEMPTS = 5;

export async function readRepositorySecret(
  client: KubernetesClient,
  { namespace, repository }: Pick<SwapTarget, "namespace" | "repository">,
): Promise<KubernetesManifest | undefined> {
  return client.get({ apiVersion: "v1", kind: "Secret", namespace, name: repositorySecretName(repository) });
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
    if (raced && state !== undefined && state.url === target.url && state.expiresAt >= credential.expiresAt)
      return state;
    const resourceVersion = live?.metadata.resourceVersion;
    const next = repositorySecret({
      ...target,
      ...credential,
      epoch: (state?.epoch ?? 0) + 1,
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
