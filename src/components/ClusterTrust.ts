import { getStack } from "@pulumi/pulumi/metadata.js";
import type { Input, Output } from "@pulumi/pulumi/output.js";
import { output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions } from "@pulumi/pulumi/resource.js";
import {
  GIT_READER,
  gitAudience,
  OPERATOR,
  policyName,
  subjectOf,
  VAULT_AUDIENCE,
} from "../manifests/vault/trustNames.ts";
import { JwtAuth, JwtRole, OidcIssuer, OidcKey, OidcRole, Policy, RootToken } from "../resources/vault/index.ts";
import type { Vault } from "./Vault.ts";

export interface ClusterTrustArgs {
  /** UID of the cluster's kube-system namespace. */
  readonly generation: Input<string>;
  /** Public keys (PEM) and `iss` of the cluster's service-account tokens. */
  readonly issuerKeys: Input<string[]>;
  readonly issuer: Input<string>;
  readonly vault: Vault;
  readonly repository: string;
}

/**
 * Vault's trust in one generation of the cluster: the operator manages it from now on, the Git reader earns its credential, and
 * the initial root token ends. The service accounts of both have to exist: depend on what makes them.
 */
export class ClusterTrust extends ComponentResource {
  /** JWT auth mount of this generation. */
  readonly mount: Output<string>;
  /** `iss` of the Git reader's OIDC tokens. */
  readonly oidcIssuer: Output<string>;
  readonly oidcRole: Output<string>;
  /** `aud` of the Git reader's OIDC tokens. */
  readonly audience: Output<string>;
  readonly generation: Output<string>;

  constructor(name: string, args: ClusterTrustArgs, options?: ComponentResourceOptions) {
    super("dayzero:components:ClusterTrust", name, {}, options);
    const { generation, issuerKeys, issuer, vault, repository } = args;
    const parent = { parent: this, dependsOn: [vault] };
    const stack = getStack();
    const audience = gitAudience(stack, repository);

    const auth = new JwtAuth(`${name}-auth`, { generation, issuerKeys, issuer }, parent);
    const operatorPolicy = new Policy(
      `${name}-operator-policy`,
      { name: policyName(stack, OPERATOR.role), template: "operator", values: { stack } },
      parent,
    );
    const readerPolicy = new Policy(
      `${name}-git-reader-policy`,
      { name: policyName(stack, `${GIT_READER.role}-${repository}`), template: "git-reader", values: { repository } },
      parent,
    );
    const operator = new JwtRole(
      `${name}-operator`,
      {
        mount: auth.mount,
        name: OPERATOR.role,
        subject: subjectOf(OPERATOR.serviceAccount),
        audience: VAULT_AUDIENCE,
        policy: operatorPolicy.name,
        // A run makes dozens of requests, and counting them would make each a write; the five minutes bound it.
        uses: 0,
      },
      parent,
    );
    const reader = new JwtRole(
      `${name}-git-reader`,
      {
        mount: auth.mount,
        name: GIT_READER.role,
        subject: subjectOf(GIT_READER.serviceAccount),
        audience: VAULT_AUDIENCE,
        policy: readerPolicy.name,
        uses: 1,
      },
      parent,
    );
    const oidcIssuer = new OidcIssuer(`${name}-oidc-issuer`, { address: vault.address }, parent);
    const key = new OidcKey(`${name}-oidc-key`, { generation, audiences: [audience] }, parent);
    const role = new OidcRole(`${name}-oidc-role`, { repository, generation, key: key.name, audience }, parent);
    const root = new RootToken(
      `${name}-root-token`,
      { state: "revoked", address: vault.address, mount: auth.mount },
      { parent: this, dependsOn: [operatorPolicy, operator, reader, oidcIssuer, role] },
    );

    const trusted = <T>(value: Input<T>) => output([value, root.state] as const).apply(([known]) => known) as Output<T>;
    this.mount = trusted(auth.mount);
    this.oidcIssuer = trusted(oidcIssuer.issuer);
    this.oidcRole = trusted(role.name);
    this.audience = trusted(audience);
    this.generation = trusted(generation);
    this.registerOutputs({
      mount: this.mount,
      oidcIssuer: this.oidcIssuer,
      oidcRole: this.oidcRole,
      audience: this.audience,
      generation: this.generation,
    });
  }
}
