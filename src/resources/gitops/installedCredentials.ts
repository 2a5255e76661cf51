import type { KubernetesClient, KubernetesManifest } from "../../clients/KubernetesClient.ts";

/** The Secret that argocd-server makes at its first start, for somebody to log in with. */
export const INITIAL_ADMIN = "argocd-initial-admin-secret/password";

/** Argo CD's own credentials, `<Secret>/<key>`, with what each is for. */
export const WHY_DRAWN: Readonly<Record<string, string>> = {
  "argocd-secret/server.secretkey": "it signs its sessions with it",
  "argocd-secret/tls.key": "its API server shows itself with it",
  "argocd-redis/auth": "it reads its cache with it",
  [INITIAL_ADMIN]: "it was there before: change the administrator's password and delete the Secret",
};

/** The Secrets that they are in. */
export const DRAWN_SECRETS = [...new Set(Object.keys(WHY_DRAWN).map((credential) => credential.split("/")[0] ?? ""))];

/** Which credentials Argo CD has drawn for itself in a namespace; their values are not looked at. */
export async function installedCredentials(client: KubernetesClient, namespace: string): Promise<string[]> {
  const found = await Promise.all(
    DRAWN_SECRETS.map(async (name) => {
      const secret = await client.get<KubernetesManifest>({ apiVersion: "v1", kind: "Secret", namespace, name });
      return Object.keys((secret?.data ?? {}) as object).map((key) => `${name}/${key}`);
    }),
  );
  return found.flat().filter((credential) => credential in WHY_DRAWN);
}
