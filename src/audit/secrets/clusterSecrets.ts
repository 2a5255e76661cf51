import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { Secret } from "../../credentials/Secret.ts";
import { ARGOCD_NAMESPACE } from "../../manifests/argocd/controllerIdentity.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { WHY_DRAWN } from "../../resources/gitops/installedCredentials.ts";
import type { LiveSecret, LiveSecrets } from "../LiveSecret.ts";
import type { Readable } from "./gatherSecrets.ts";

/** Keys of Secrets that hold a credential, as Argo CD and the type kubernetes.io/tls name them; the rest says what it is for. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  ...["password", "bearerToken", "sshPrivateKey", "githubAppPrivateKey", "tlsClientCertKey", "gcpServiceAccountKey"],
  "tls.key",
]);

/** The values in Secrets: those of Argo CD's namespace, whoever put them there, and wherever else one is the stack's own. */
export async function clusterSecrets({ context }: Readable): Promise<LiveSecrets> {
  const kubernetes = await context.kubernetes();
  const kind = { apiVersion: "v1", kind: "Secret" };
  const [argocd, own] = await Promise.all([
    kubernetes.list({ ...kind, namespace: ARGOCD_NAMESPACE }),
    kubernetes.list(kind, { labelSelector: `${STACK_LABEL}=${context.stack}` }),
  ]);
  return { known: [...argocd, ...own].flatMap(valuesOf), unread: [] };
}

function valuesOf({ metadata: { namespace, name }, data }: KubernetesManifest): LiveSecret[] {
  const where = `Secret ${namespace}/${name}`;
  return Object.entries((data ?? {}) as Readonly<Record<string, string>>)
    .filter(([key]) => CREDENTIALS.has(key) || `${name}/${key}` in WHY_DRAWN)
    .map(([key, value]) => ({
      what: `${key} of ${where}`,
      value: new Secret(Buffer.from(value, "base64").toString("utf8")),
      belongs: [where],
    }));
}
