import { ARGOCD_NAMESPACE } from "./controllerIdentity.ts";

/**
 * Arguments of Argo CD's application controller on one machine.
 *
 * Drift is healed a second after it is seen, each time: the default waits up to five minutes between attempts. A lost
 * refresh is made up for in 15 seconds. There is no flag for the address of its metrics: they listen on every interface.
 */
export function controllerArguments(ports: { repoServer: number; metrics: number; redis: number }): string[] {
  return [
    "--kubeconfig=etc/argocd-controller.kubeconfig",
    `--namespace=${ARGOCD_NAMESPACE}`,
    `--repo-server=127.0.0.1:${ports.repoServer}`,
    "--repo-server-strict-tls",
    `--redis=127.0.0.1:${ports.redis}`,
    `--metrics-port=${ports.metrics}`,
    "--app-resync=15",
    "--app-resync-jitter=0",
    "--repo-error-grace-period-seconds=15",
    "--self-heal-timeout-seconds=1",
    "--self-heal-backoff-timeout-seconds=0",
    "--status-processors=4",
    "--operation-processors=2",
    "--kubectl-parallelism-limit=4",
  ];
}

/**
 * Environment of the application controller. Argo CD takes the cluster that it manages from KUBECONFIG when told to fake being
 * in a cluster; without it, it would use the person's own. Without workloads there is nothing to wait for between sync waves.
 */
export const CONTROLLER_ENVIRONMENT = {
  ARGOCD_APP_CONF_PATH: "{directory}/etc/argocd",
  ARGOCD_CLUSTER_SYNC_RETRY_TIMEOUT_DURATION: "1s",
  ARGOCD_FAKE_IN_CLUSTER: "true",
  ARGOCD_K8S_CLIENT_QPS: "200",
  ARGOCD_SYNC_WAVE_DELAY: "0",
  // What it learns of the API when it applies; by default below HOME, which stays empty.
  KUBECACHEDIR: "{directory}/tmp/argocd-application-controller/kube",
  KUBECONFIG: "{directory}/etc/argocd-controller.kubeconfig",
} as const;
