/** Content of etc/renewer.json; nothing in it is secret. The CAs are those of the stack's authorities. */
export interface RenewerConfiguration {
  /** URL of the API server. */
  readonly server: string;
  readonly vaultAddress: string;
  /** Vault's JWT auth mount of this generation. */
  readonly mount: string;
  readonly repository: string;
  readonly url: string;
  /** Vault's OIDC role for the repository. */
  readonly oidcRole: string;
  /** Where the GitOps controller has its Secrets and Applications. */
  readonly namespace: string;
  /** Name of the Application to refresh when commits arrive. */
  readonly application: string;
}
