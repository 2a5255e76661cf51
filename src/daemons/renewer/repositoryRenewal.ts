import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { VaultClient } from "../../clients/VaultClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Secret } from "../../credentials/Secret.ts";
import { issueProved } from "../../issuers/issueProved.ts";
import { oidcIssuer } from "../../issuers/oidcIssuer.ts";
import { repositorySecretState } from "../../issuers/RepositorySecretState.ts";
import { readRepositorySecret, requireSameUrl, swapRepositorySecret } from "../../issuers/swapRepositorySecret.ts";
import { repositorySecretName } from "../../manifests/repositorySecret.ts";
import { GIT_READER } from "../../manifests/vault/trustNames.ts";
import { Renewal } from "./Renewal.ts";
import type { RenewerConfiguration } from "./RenewerConfiguration.ts";

export interface RepositoryRenewalOptions {
  readonly kubernetes: KubernetesClient;
  readonly config: Omit<RenewerConfiguration, "server" | "application">;
  /** PEM of the CAs of Vault and of the Git server; without one the system's roots count. */
  readonly vaultCa: string | undefined;
  readonly gitCa: string | undefined;
  /** See {@link VaultClient}. */
  readonly auditProblem?: () => Promise<string | undefined>;
  /** A token of the Git reader for Vault. */
  readonly identity: () => Promise<Secret>;
  /** Of who has to have put the credential there, see {@link Renewal}. */
  readonly writer?: string;
  readonly signal: AbortSignal;
  readonly log: (entry: Readonly<Record<string, unknown>>) => void;
  readonly onTurn?: (renewal: Renewal) => Promise<void>;
}

/** The {@link Renewal} of the controller's credential for one repository; whoever makes it closes it. */
export function repositoryRenewal(options: RepositoryRenewalOptions): { renewal: Renewal; close(): Promise<void> } {
  const { kubernetes, config, signal, onTurn, writer } = options;
  const target = { ...config, labels: {}, onlySameUrl: true, ...(writer === undefined ? {} : { writer }) };
  const { auditProblem } = options;
  const vault = new VaultClient({ address: config.vaultAddress, ca: options.vaultCa, auditProblem });
  const issuer = oidcIssuer({
    vault,
    mount: config.mount,
    role: GIT_READER.role,
    oidcRole: config.oidcRole,
    identity: options.identity,
    url: config.url,
    ca: options.gitCa,
  });
  const renewal: Renewal = new Renewal({
    look: async () => {
      const secret = await readRepositorySecret(kubernetes, config);
      if (secret !== undefined) {
        const state = repositorySecretState(secret);
        requireSameUrl(target, state);
        return state;
      }
      const name = `${config.namespace}/${repositorySecretName(config.repository)}`;
      throw new DayzeroError("REPOSITORY_SECRET_MISSING", `cannot renew Secret ${name}: there is none`, {
        hint: "run `dayzero up`: it makes the Secret again",
      });
    },
    renew: async () => swapRepositorySecret(kubernetes, target, await issueProved(issuer, signal)),
    now: () => new Date(),
    log: options.log,
    ...(writer === undefined ? {} : { writer }),
    ...(onTurn === undefined ? {} : { onTurn: () => onTurn(renewal) }),
  });
  return { renewal, close: () => vault.close() };
}
