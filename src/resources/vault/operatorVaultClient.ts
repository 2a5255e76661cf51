import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import type { VaultClient } from "../../clients/VaultClient.ts";
import { VaultError } from "../../clients/VaultError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Secret } from "../../credentials/Secret.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { jwtMountName, OPERATOR, VAULT_AUDIENCE } from "../../manifests/vault/trustNames.ts";
import { type InitialRootToken, ROOT_TOKEN, readInitialRootToken } from "./initialRootToken.ts";
import { vaultConnection } from "./vaultConnection.ts";
import { type Session, vaultSession } from "./vaultSessions.ts";

export interface OperatorAccess {
  readonly stack: string;
  readonly layout: StackLayout;
  /** `https://host:port` */
  readonly address: string;
  /** As `vaultConnection` takes it. */
  readonly authority: string;
  /** The run's memory: the initial root token while it exists, and `age-identity` where one was supplied. */
  readonly memory: Map<string, Secret>;
  /** The stack's cluster as its administrator, who may ask for a token of the operator's service account. */
  kubernetes(): Promise<KubernetesClient>;
  now(): Date;
}

/** The role gives five minutes; the last one is not begun. */
const SESSION_MS = 240_000;

/**
 * The stack's Vault with a token that may manage it: the initial root token until `up` has revoked it, then the operator's.
 *
 * Ask again for each use: a session is kept as long as it is good and then replaced. Throws `VAULT_UNREACHABLE`, `VAULT_NOT_INITIALIZED`,
 * `VAULT_SEALED`, `VAULT_AUDIT_BLOCKED`, or `VAULT_OPERATOR_REFUSED` with the reason.
 */
export function operatorVaultClient(access: OperatorAccess): Promise<VaultClient> {
  return vaultSession(access.memory, () => open(access));
}

/** Logs in as operator with a fresh token of its service account, through the mount of one generation. */
export async function loginOperator(
  client: VaultClient,
  kubernetes: KubernetesClient,
  mount: string,
): Promise<VaultClient> {
  const { token } = await kubernetes.serviceAccountToken({
    ...OPERATOR.serviceAccount,
    audiences: [VAULT_AUDIENCE],
    expirationSeconds: 600,
  });
  return client.loginJwt(mount, OPERATOR.role, token);
}

async function open(access: OperatorAccess): Promise<Session> {
  const client = await vaultConnection(access.layout, access, () => access.kubernetes());
  try {
    return await logIn(client, access);
  } catch (error) {
    await client.close();
    throw error;
  }
}

async function logIn(client: VaultClient, access: OperatorAccess): Promise<Session> {
  const { initialized, sealed } = await client.health();
  if (!initialized || sealed) {
    throw new DayzeroError(
      initialized ? "VAULT_SEALED" : "VAULT_NOT_INITIALIZED",
      `cannot log in to vault at ${access.address}: it is ${initialized ? "sealed" : "not initialized"}`,
      { hint: "run `dayzero up`" },
    );
  }
  const root = await readInitialRootToken(access.layout, access.memory);
  if (root.state === "open") {
    const asRoot = client.withToken(root.token);
    // Its end is `rootTokenResource`'s.
    if (await isAccepted(asRoot))
      return { client: asRoot, ownToken: false, isGood: () => access.memory.has(ROOT_TOKEN) };
  }
  const renewAt = access.now().getTime() + SESSION_MS;
  try {
    const kubernetes = await access.kubernetes();
    const mount = jwtMountName(access.stack, await generationOf(kubernetes));
    const operator = await loginOperator(client, kubernetes, mount);
    return { client: operator, ownToken: true, isGood: () => access.now().getTime() < renewAt };
  } catch (cause) {
    // It refuses everybody, and has said why.
    if (cause instanceof DayzeroError && cause.code === "VAULT_AUDIT_BLOCKED") throw cause;
    throw new DayzeroError(
      "VAULT_OPERATOR_REFUSED",
      `cannot log in to vault at ${access.address} as role "${OPERATOR.role}": ${cause instanceof Error ? cause.message : "unknown"}`,
      {
        cause,
        hint: hintFor(root.state, cause),
      },
    );
  }
}

function hintFor(root: InitialRootToken["state"], cause: unknown): string {
  if (root === "sealed") {
    return "an interrupted run left the initial root token sealed: run `dayzero up --identity FILE` with the age identity of a recipient";
  }
  if (cause instanceof VaultError && cause.status >= 500) {
    return "its log (logs/vault.log) says why it does not serve; data that a later release has written may be closed to an older one";
  }
  return cause instanceof VaultError
    ? "Vault trusts another cluster than the one that runs: put data/etcd of that one back, or run `dayzero down` to begin anew"
    : "the operator's token comes from the cluster: see that it runs (`dayzero status`)";
}

/** Whether Vault still knows the client's token. */
export async function isAccepted(client: VaultClient): Promise<boolean> {
  try {
    await client.read("auth/token/lookup-self");
    return true;
  } catch (error) {
    if (error instanceof VaultError && error.status === 403) return false;
    throw error;
  }
}

/** A generation is one life of a cluster: the UID of its namespace kube-system. */
async function generationOf(kubernetes: KubernetesClient): Promise<string> {
  const namespace = await kubernetes.get<{ metadata: { uid: string } }>({
    apiVersion: "v1",
    kind: "Namespace",
    name: "kube-system",
  });
  if (namespace === undefined) throw new Error("the cluster has no namespace kube-system yet");
  return namespace.metadata.uid;
}
