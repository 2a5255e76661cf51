import { readFile } from "node:fs/promises";
import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { VaultClient } from "../../clients/VaultClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { auditLogProblem } from "../../machine/auditLogProblem.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { OPENBAO_OPERATOR } from "../../manifests/openbao/openBaoNames.ts";

/**
 * A client without a token.
 *
 * The authority is one of the stack's own (`platform`), or `<namespace>/<name>` of a Secret of the stack's cluster whose `ca.crt` it is.
 */
export async function vaultConnection(
  layout: StackLayout,
  server: { address: string; authority: string },
  kubernetes?: () => Promise<KubernetesClient>,
): Promise<VaultClient> {
  const { address, authority } = server;
  const [namespace = "", name] = authority.split("/");
  if (name !== undefined && kubernetes !== undefined) {
    const hint = `see whether its pods run (kubectl get pods -n ${namespace}), and whether that address leads to the Service ${OPENBAO_OPERATOR}`;
    return new VaultClient({ address, ca: await authorityOfSecret(await kubernetes(), { namespace, name }), hint });
  }
  const path = layout.pki(authority, "ca.crt");
  const ca = await readFile(path, "utf8").catch((cause: unknown) => {
    throw missing(path, { cause });
  });
  return new VaultClient({
    address,
    ca,
    auditProblem: () => auditLogProblem(layout),
    hint: `\`dayzero up\` starts it again; ${layout.log("vault")} says why it ended`,
  });
}

/** The authority of a server's certificate in a Secret; only that is taken out, the key beside it is left where it is. */
export async function authorityOfSecret(
  kubernetes: KubernetesClient,
  { namespace, name }: { namespace: string; name: string },
): Promise<string> {
  const ref = { apiVersion: "v1", kind: "Secret", namespace, name };
  const secret = await kubernetes.get<{ data?: Record<string, string> }>(ref);
  const encoded = secret?.data?.["ca.crt"];
  if (encoded === undefined) throw missing(`ca.crt of Secret ${namespace}/${name}`);
  return Buffer.from(encoded, "base64").toString("utf8");
}

function missing(place: string, options: { cause?: unknown } = {}): DayzeroError {
  return new DayzeroError("VAULT_AUTHORITY_MISSING", `cannot read the CA certificate of vault from ${place}`, {
    ...options,
    hint: "run `dayzero up`, which makes it",
  });
}
