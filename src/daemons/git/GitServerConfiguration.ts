/** Content of etc/git-server.json. Paths are relative to the stack's state folder; nothing in it is secret. */
export interface GitServerConfiguration {
  readonly port: number;
  /** Command of git itself; `git http-backend` is what serves. */
  readonly git: string;
  /** Folder of the bare repositories. */
  readonly repositories: string;
  readonly tls: { readonly certificate: string; readonly key: string };
  readonly oidc: {
    readonly issuer: string;
    readonly jwksUri: string;
    /** PEM file of the one CA that is trusted for `jwksUri`. */
    readonly ca: string;
    readonly audience: string;
    /** Signature algorithms that are accepted; asymmetric ones only. */
    readonly algorithms: readonly ("ES256" | "RS256")[];
    /** The cluster generation whose tokens are accepted. */
    readonly generation: string;
  };
}
