import { readFile } from "node:fs/promises";
import { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { failureOf } from "../../config/failureOf.ts";
import { auditLogProblem } from "../../machine/auditLogProblem.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { serveOnSocket } from "../../machine/serveOnSocket.ts";
import { rootApplicationReference } from "../../manifests/argocd/rootApplication.ts";
import { GIT_READER, VAULT_AUDIENCE } from "../../manifests/vault/trustNames.ts";
import { requestIdentity } from "../identity/requestIdentity.ts";
import { Refresher } from "./Refresher.ts";
import type { RenewerConfiguration } from "./RenewerConfiguration.ts";
import { repositoryRenewal } from "./repositoryRenewal.ts";

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
  const { renewal, close } = repositoryRenewal({
    kubernetes,
    config,
    vaultCa: platformCa,
    gitCa: platformCa,
    auditProblem: () => auditLogProblem(layout),
    identity: async () => (await identity(VAULT_AUDIENCE)).token,
    signal,
    log,
  });
  const refresher = new Refresher({
    client: kubernetes,
    application: { ...rootApplicationReference, namespace: config.namespace, name: config.application },
    onFailure: (error) => log({ event: "refresh failed", error: failureOf(error).message }),
  });

  const stopServing = await serveOnSocket(layout.renewerSocket, async ({ method, url: path }) => {
    if (method === "GET" && path === "/status") return { status: 200, body: renewal.status() };
    if (method !== "POST" || path !== "/refresh") return { status: 404, body: { error: "no such path" } };
    try {
      await refresher.request();
      log({ event: "refresh requested" });
      return { status: 202, body: {} };
    } catch (error) {
      const reason = failureOf(error).message;
      log({ event: "refresh failed", error: reason });
      return { status: 503, body: { error: reason } };
    }
  });
  await renewal.run(signal);
  await stopServing();
  await Promise.all([kubernetes.close(), close()]);
}
