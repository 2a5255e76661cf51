import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";

/** A value of a Secret, decoded; "" for one that is not there. */
export function secretData({ data }: Pick<KubernetesManifest, "data">, key: string): string {
  return Buffer.from((data as Readonly<Record<string, string>> | undefined)?.[key] ?? "", "base64").toString("utf8");
}
