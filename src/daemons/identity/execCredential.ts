import { StackLayout } from "../../machine/StackLayout.ts";
import { requestIdentity } from "./requestIdentity.ts";

/**
 * What an exec plugin prints for the program that started it. It holds a credential: it goes to that program's pipe and
 * nowhere else.
 *
 * Source: https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
 */
export interface ExecCredential {
  readonly apiVersion: "client.authentication.k8s.io/v1";
  readonly kind: "ExecCredential";
  readonly status: { readonly expirationTimestamp: string } & (
    | { readonly token: string }
    | { readonly clientCertificateData: string; readonly clientKeyData: string }
  );
}

/** A token of a service account for the API server, from the stack's identity broker. */
export async function tokenCredential(options: {
  directory: string;
  namespace: string;
  name: string;
}): Promise<ExecCredential> {
  const { directory, namespace, name } = options;
  const { token, expiresAt } = await requestIdentity(new StackLayout(directory).identitySocket, { namespace, name });
  return credential({ token: token.reveal(), expirationTimestamp: expiresAt.toISOString() });
}

/** The stack's administrator: a client certificate minted here and now, nine minutes from now at most. */
export async function adminCredential(options: { directory: string }): Promise<ExecCredential> {
  return certificateCredential({ ...options, identity: "administrator" });
}

/** A client certificate of one of the control plane's own identities; only `kube-controller-manager` is given out by name. */
export async function certificateCredential(options: {
  directory: string;
  identity: "administrator" | "kube-controller-manager";
}): Promise<ExecCredential> {
  // Loaded here: signing costs 160 ms of loading, which a plugin that asks for a token does not have to pay.
  const { mintClientCertificate } = await import("../../machine/mintClientCertificate.ts");
  const { certificate, key, expiresAt } = await mintClientCertificate(options.directory, options.identity);
  return credential({
    clientCertificateData: certificate,
    clientKeyData: key.reveal(),
    expirationTimestamp: expiresAt.toISOString(),
  });
}

function credential(status: ExecCredential["status"]): ExecCredential {
  return { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status };
}
