import { readFile } from "node:fs/promises";
import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { VaultClient, type VaultSession } from "../../clients/VaultClient.ts";
import { VaultError } from "../../clients/VaultError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { ExternalVaultSpec, VaultLogin } from "../../config/StackSpec.ts";
import { Secret } from "../../credentials/Secret.ts";
import { type Session, vaultSession } from "./vaultSessions.ts";

export interface ExternalAccess {
  readonly vault: ExternalVaultSpec;
  /** The run's memory: the token that a person typed is under {@link TYPED_TOKEN}. */
  readonly memory: Map<string, Secret>;
  /** The stack's cluster, for a token of the service account that logs in. */
  kubernetes(): Promise<KubernetesClient>;
  now(): Date;
}

/** Where the token that a person typed is for the length of a run. */
export const TYPED_TOKEN = "vault-token";

/** A session is replaced when this part of its life is over. */
const USED = 0.8;
/** The least that Kubernetes gives a service account's token. */
const TOKEN_SECONDS = 600;

/**
 * A Vault that is somebody else's, logged in as the configuration says.
 *
 * Ask again for each use: a session is kept as long as it is good and then replaced. Throws `VAULT_UNREACHABLE`, or
 * `VAULT_LOGIN_FAILED` with the reason.
 */
export function externalVaultClient(access: ExternalAccess): Promise<VaultClient> {
  return vaultSession(access.memory, () => open(access));
}

async function open(access: ExternalAccess): Promise<Session> {
  const { vault, now } = access;
  const connection = new VaultClient({ address: vault.address, ca: vault.ca });
  const since = now().getTime();
  try {
    const { client, seconds } = await logIn(connection, access);
    const renewAt = seconds === 0 ? Number.POSITIVE_INFINITY : since + seconds * 1000 * USED;
    return { client, ownToken: vault.login.method !== "token", isGood: () => now().getTime() < renewAt };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function logIn(connection: VaultClient, access: ExternalAccess): Promise<VaultSession> {
  const { login, address } = access.vault;
  try {
    if (login.method === "token") return await withTypedToken(connection, access);
    const jwt = login.method === "jwt" ? await readToken(login.tokenFile) : await serviceAccountToken(login, access);
    return await connection.login(login.mount, login.role, jwt);
  } catch (cause) {
    if (cause instanceof DayzeroError) throw cause;
    const how = login.method === "token" ? "with the token given" : `as role "${login.role}" at auth/${login.mount}`;
    throw failed(`cannot log in to vault at ${address} ${how}: ${(cause as Error).message}`, {
      cause,
      hint:
        cause instanceof VaultError
          ? hintFor(login, cause)
          : "see that the cluster answers and that its kubeconfig may make tokens of the service account",
    });
  }
}

async function withTypedToken(connection: VaultClient, { vault, memory }: ExternalAccess): Promise<VaultSession> {
  const token = memory.get(TYPED_TOKEN);
  if (token === undefined) {
    throw failed(
      `cannot log in to vault at ${vault.address}: its token is asked for on a terminal, and there is none`,
      {
        hint: "run dayzero on a terminal, or set config.dayzero:vault.login to the method jwt or kubernetes",
      },
    );
  }
  const client = connection.withToken(token);
  await client.read("auth/token/lookup-self");
  return { client, seconds: 0 };
}

async function readToken(file: string): Promise<Secret> {
  let token: string;
  try {
    token = (await readFile(file, "utf8")).trim();
  } catch (cause) {
    throw failed(`cannot read the token that logs in to vault from ${file}`, {
      cause,
      hint: "have CI write its token there, or correct config.dayzero:vault.login.tokenFile",
    });
  }
  if (token !== "") return new Secret(token);
  throw failed(`there is no token in ${file}`, { hint: "have CI write its token there" });
}

async function serviceAccountToken(
  { serviceAccount }: Extract<VaultLogin, { method: "kubernetes" }>,
  { kubernetes }: ExternalAccess,
): Promise<Secret> {
  const [namespace = "", name = ""] = serviceAccount.split("/");
  const client = await kubernetes();
  return (await client.serviceAccountToken({ namespace, name, expirationSeconds: TOKEN_SECONDS })).token;
}

function hintFor(login: VaultLogin, { status }: VaultError): string {
  if (status >= 500) return "see that vault is unsealed and well, and run it again";
  switch (login.method) {
    case "jwt":
      return "see that the token is fresh by vault's clock, and that the role's bound_audiences and bound_claims are those of the token";
    case "kubernetes":
      return `see that the role binds service account ${login.serviceAccount} and that vault may review tokens of the cluster`;
    case "token":
      return "give a token that vault knows and that has not expired";
  }
}

function failed(message: string, options: { cause?: unknown; hint: string }): DayzeroError {
  return new DayzeroError("VAULT_LOGIN_FAILED", message, options);
}
