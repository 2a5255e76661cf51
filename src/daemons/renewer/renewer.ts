import { readFile } from "node:fs/promises";
import { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { VaultClient } from "../../clients/VaultClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Secret } from "../../credentials/Secret.ts";
import { issueProved } from "../../issuers/issueProved.ts";
import { oidcIssuer } from "../../issuers/oidcIssuer.ts";
import { repositorySecretState } from "../../issuers/RepositorySecretState.ts";
import { readRepositorySecret, swapRepositorySecret } from "../../issuers/swapRepositorySecret.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { serveOnSocket } from "../../machine/serveOnSocket.ts";
import { rootApplicationReference } from "../../manifests/argocd/rootApplication.ts";
import { repositorySecretName } from "../../manifests/repositorySecret.ts";
import { GIT_READER, VAULT_AUDIENCE } from "../../manifests/vault/trustNames.ts";
import { requestIdentity } from "../identity/requestIdentity.ts";
import { Refresher } from "./Refresher.ts";
import { Renewal } from "./Renewal.ts";
import type { RenewerConfiguration } from "./RenewerConfiguration.ts";

export interface ServeRenewerOptions {
  /** The stack's state folder. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** One JSON document a line; standard output by default. */
  readonly log?: (line: string) => void;
}

/**
 * Keeps the controller's Git credential fresh as the git-reader service account, and asks the controller to look when commits
 * arrive. Configured by etc/renewer.json ({@link RenewerConfiguration}).
 *
 * On the socket run/renewer.sock (0600): `POST /refresh` annotates the Application and answers 202, or 503 with the reason;
 * `GET /status` answers a {@link import("./Renewal.ts").RenewalStatus}. An outage of Vault, the API server or the identity
 * broker is waited out. Resolves once stopped.
 */
export async function serveRenewer({ directory, signal, ...options }: ServeRenewerOptions): Promise<void> {
  const layout = new StackLayout(directory);
  const config = JSON.parse(await readFile(layout.etc("renewer.json"), "utf8")) as RenewerConfiguration;
  const [clusterCa, platformCa] = await Promise.all(
    ["kubernetes", "platform"].map((authority) => readFile(layout.pki(authority, "ca.crt"), "utf8")),
  );
  const write = options.log ?? ((line: string) => process.stdout.write(`${line}\n`));
  const log = (entry: Readonly<Record<string, unknown>>) =>
    write(JSON.stringify({ time: new Date().toISOString(), ...entry }));
  const identity = (audience?: string) => requestIdentity(layout.identitySocket, GIT_READER.serviceAccount, audience);

  const kubernetes = new KubernetesClient({ server: config.server, ca: clusterCa, credential: () => identity() });
  const vault = new VaultClient({ address: config.vaultAddress, ca: platformCa ?? "" });
  const issuer = oidcIssuer({
    vault,
    mount: config.mount,
    role: GIT_READER.role,
    oidcRole: config.oidcRole,
    identity: async (): Promise<Secret> => (await identity(VAULT_AUDIENCE)).token,
    url: config.url,
    ca: platformCa ?? "",
  });
  const look = async () => {
    const secret = await readRepositorySecret(kubernetes, config);
    if (secret !== undefined) return repositorySecretState(secret);
    const name = `${config.namespace}/${repositorySecretName(config.repository)}`;
    throw new DayzeroError("REPOSITORY_SECRET_MISSING", `cannot renew Secret ${name}: there is none`, {
      hint: "run `dayzero up`: it makes the Secret again",
    });
  };
  const renewal = new Renewal({
    look,
    renew: async () => swapRepositorySecret(kubernetes, { ...config, labels: {} }, await issueProved(issuer, signal)),
    now: () => new Date(),
    log,
  });
  const refresher = new Refresher({
    client: kubernetes,
    application: { ...rootApplicationReference, namespace: config.namespace, name: config.application },
    onFailure: (error) => log({ event: "refresh failed", error: reasonOf(error) }),
  });

  const stopServing = await serveOnSocket(layout.renewerSocket, async ({ method, url: path }) => {
    if (method === "GET" && path === "/status") return { status: 200, body: renewal.status() };
    if (method !== "POST" || path !== "/refresh") return { status: 404, body: { error: "no such path" } };
    try {
      await refresher.request();
      log({ event: "refresh requested" });
      return { status: 202, body: {} };
    } catch (error) {
      const reason = reasonOf(error);
      log({ event: "refresh failed", error: reason });
      return { status: 503, body: { error: reason } };
    }
  });
  await renewal.run(signal);
  await stopServing();
  await Promise.all([kubernetes.close(), vault.close()]);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown";
}
