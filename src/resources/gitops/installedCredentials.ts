import type { KubernetesClient, KubernetesManifest } from "../../clients/KubernetesClient.ts";

/** The Secret that argocd-server makes at its first start, for somebody to log in with. */
export const INITIAL_ADMIN = "argocd-initial-admin-secret/password";

/** Argo CD's own credentials, `<Secret>/<key>`. */
const DRAWN = ["argocd-secret/server.secretkey", "argocd-redis/auth", INITIAL_ADMIN];

/** Which credentials Argo CD has drawn for itself in a namespace; their values are not looked at. */
export async function installedCredentials(client: KubernetesClient, namespace: string): Promise<string[]> {
  const found = await Promise.all(
    DRAWN.map(async (credential) => {
      const [name = "", key = ""] = credential.split("/");
      const secret = await client.get<KubernetesManifest>({ apiVersion: "v1", kind: "Secret", namespace, name });
      return key in ((secret?.data ?? {}) as object) ? [credential] : [];
    }),
  );
  return found.flat();
}
