import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";

/** A value of a Secret, decoded; "" for one that is not there. */
export function secretData(secret: KubernetesManifest, key: string): string {
  const data = secret.data as Readonly<Record<string, string>> | undefined;
  return Buffer.from(data?.[key] ?? "", "base64").toString("utf8");
}
