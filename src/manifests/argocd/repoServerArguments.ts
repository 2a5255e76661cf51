/** Arguments of Argo CD's repo server: everything on loopback; commits found by polling are at most 10 seconds old. */
export function repoServerArguments(ports: { own: number; metrics: number; redis: number }): string[] {
  return [
    "--address=127.0.0.1",
    `--port=${ports.own}`,
    "--metrics-address=127.0.0.1",
    `--metrics-port=${ports.metrics}`,
    "--tlsminversion=1.3",
    `--redis=127.0.0.1:${ports.redis}`,
    "--revision-cache-expiration=10s",
  ];
}

/**
 * Environment of the repo server. It looks for its certificate below ARGOCD_APP_CONF_PATH, for the authorities of Git hosts in
 * ARGOCD_TLS_DATA_PATH (one file for each host name); SSH hosts and plugins are looked for in a folder that stays empty.
 */
export const REPO_SERVER_ENVIRONMENT = {
  ARGOCD_APP_CONF_PATH: "{directory}/run/files/argocd-repo-server",
  ARGOCD_ASK_PASS_SOCK: "{directory}/run/askpass.sock",
  ARGOCD_GPG_ENABLED: "false",
  ARGOCD_PLUGINSOCKFILEPATH: "{directory}/data/argocd-repo-server",
  ARGOCD_SSH_DATA_PATH: "{directory}/data/argocd-repo-server",
  ARGOCD_TLS_DATA_PATH: "{directory}/etc/argocd/tls",
  GIT_CONFIG_NOSYSTEM: "1",
} as const;
