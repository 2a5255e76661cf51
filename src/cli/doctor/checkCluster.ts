import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { KubernetesError } from "../../clients/KubernetesError.ts";
import { type Finding, not, ok } from "./Finding.ts";

/** That the API server answers and lets this user in, and its version. */
export async function checkCluster(client: KubernetesClient): Promise<Finding> {
  try {
    const { gitVersion } = await client.request<{ gitVersion: string }>("GET", "/version");
    return ok(`${client.server} is Kubernetes ${gitVersion}`);
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    if (error.status === 401 || error.status === 403)
      return not("problem", error.message, "log in again: the kubeconfig's user is not let in");
    return not(
      "problem",
      `${client.server}: ${error.message}`,
      "see that the cluster runs and is reached from here: kubectl version",
    );
  }
}
