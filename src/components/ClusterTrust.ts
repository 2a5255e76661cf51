import { getStack } from "@pulumi/pulumi/metadata.js";
import type { Input, Output } from "@pulumi/pulumi/output.js";
import { output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi/resource.js";
import { nameInVault, OPERATOR, subjectOf, VAULT_AUDIENCE } from "../manifests/vault/trustNames.ts";
import { JwtRole, OidcIssuer, Policy, RootToken } from "../resources/vault/index.ts";
import { RepositoryTrust, type RepositoryTrustArgs } from "./RepositoryTrust.ts";

export interface ClusterTrustArgs {
  /** UID of the cluster's kube-system namespace. */
  readonly generation: Input<string>;
  /** Public keys (PEM) and `iss` of the cluster's service-account tokens. */
  readonly issuerKeys: Input<string[]>;
  readonly issuer: Input<string>;
  readonly vault: ComponentResource & {
    readonly address: Input<string>;
    /** Where its certificate's authority is found; by default the stack's own. */
    readonly authority?: string;
    /** What is in it is deleted with this. */
    readonly storage?: Resource;
  };
  readonly repository: string;
  readonly reader?: RepositoryTrustArgs["reader"];
}

/**
 * The trust of a Vault that the stack initialized in one generation of the cluster: the operator manages it from now on, the Git
 * reader earns its credential, and the initial root token ends. Somebody else's Vault takes a RepositoryTrust only. The service accounts of both have to exist: depend on what makes them.
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
  /** What has to be there before the Git reader can earn a credential. */
  readonly ready: Resource[];

  constructor(name: string, args: ClusterTrustArgs, options?: ComponentResourceOptions) {
    super("dayzero:components:ClusterTrust", name, {}, options);
    const { generation, issuerKeys, issuer, vault, repository } = args;
    const { address, authority, storage } = vault;
    const parent = { parent: this, dependsOn: [vault], ...(storage === undefined ? {} : { deletedWith: storage }) };
    const stack = getStack();

    const account = args.reader === undefined ? {} : { reader: args.reader };
    const reader = new RepositoryTrust(
      name,
      { generation, issuerKeys, issuer, repository, deletedWith: storage, ...account },
      { parent: this, dependsOn: [vault] },
    );
    const policy = new Policy(
      `${name}-operator-policy`,
      { name: nameInVault(stack, OPERATOR.role), template: "operator", values: { stack } },
      parent,
    );
    const operator = new JwtRole(
      `${name}-operator`,
      {
        mount: reader.mount,
        name: OPERATOR.role,
        subject: subjectOf(OPERATOR.serviceAccount),
        audience: VAULT_AUDIENCE,
        policy: policy.name,
        // A run makes dozens of requests, and counting them would make each a write; the five minutes bound it.
        uses: 0,
      },
      parent,
    );
    const oidcIssuer = new OidcIssuer(`${name}-oidc-issuer`, { address }, parent);
    const root = new RootToken(
      `${name}-root-token`,
      { state: "revoked", address, mount: reader.mount, ...(authority === undefined ? {} : { authority }) },
      { ...parent, dependsOn: [policy, operator, oidcIssuer, ...reader.ready] },
    );

    const trusted = <T>(value: Input<T>) => output([value, root.state] as const).apply(([known]) => known) as Output<T>;
    this.mount = trusted(reader.mount);
    this.oidcIssuer = trusted(oidcIssuer.issuer);
    this.oidcRole = trusted(reader.oidcRole);
    this.audience = trusted(reader.audience);
    this.generation = trusted(generation);
    this.ready = [root];
    this.registerOutputs({
      mount: this.mount,
      oidcIssuer: this.oidcIssuer,
      oidcRole: this.oidcRole,
      audience: this.audience,
      generation: this.generation,
    });
  }
}
