/** Content of the agent's mounted file; nothing in it is secret. */
export interface AgentConfiguration {
  /** URL of the API server, as the pod reaches it. */
  readonly server: string;
  readonly vaultAddress: string;
  /** PEM; without it the system's roots count. */
  readonly vaultCa?: string | undefined;
  /** Vault's JWT auth mount of this generation. */
  readonly mount: string;
  readonly repository: string;
  /** As the Application names it. */
  readonly url: string;
  /** PEM of the CA of the Git server; without it the system's roots count. */
  readonly gitCa?: string | undefined;
  /** Vault's OIDC role for the repository. */
  readonly oidcRole: string;
  /** Where the GitOps controller has its Secrets. */
  readonly namespace: string;
}
