import { getStack } from "@pulumi/pulumi/metadata.js";
import { type Input, type Output, output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi/resource.js";
import { GIT_READER, gitAudience, policyName, subjectOf, VAULT_AUDIENCE } from "../manifests/vault/trustNames.ts";
import { JwtAuth, JwtRole, OidcKey, OidcRole, Policy } from "../resources/vault/index.ts";

export interface RepositoryTrustArgs {
  /** UID of the cluster's kube-system namespace. */
  readonly generation: Input<string>;
  /** Public keys (PEM) and `iss` of the cluster's service-account tokens. */
  readonly issuerKeys: Input<string[]>;
  readonly issuer: Input<string>;
  readonly repository: string;
  /** What all of it is deleted with; nothing where Vault outlives the stack. */
  readonly deletedWith?: Resource | undefined;
}

/** Vault's trust in one generation of a cluster: its Git reader earns a credential for one repository, and nothing else. */
export class RepositoryTrust extends ComponentResource {
  /** JWT auth mount of this generation. */
  readonly mount: Output<string>;
  readonly oidcRole: Output<string>;
  /** `aud` of the Git reader's OIDC tokens. */
  readonly audience: Output<string>;
  readonly generation: Output<string>;
  /** What has to be there before the Git reader can earn a credential. */
  readonly ready: Resource[];

  constructor(name: string, args: RepositoryTrustArgs, options?: ComponentResourceOptions) {
    super("dayzero:components:RepositoryTrust", name, {}, options);
    const { generation, issuerKeys, issuer, repository, deletedWith } = args;
    const parent = { parent: this, ...(deletedWith === undefined ? {} : { deletedWith }) };
    const stack = getStack();
    const audience = gitAudience(stack, repository);

    const auth = new JwtAuth(`${name}-auth`, { generation, issuerKeys, issuer }, parent);
    const policy = new Policy(
      `${name}-git-reader-policy`,
      { name: policyName(stack, `${GIT_READER.role}-${repository}`), template: "git-reader", values: { repository } },
      parent,
    );
    const reader = new JwtRole(
      `${name}-git-reader`,
      {
        mount: auth.mount,
        name: GIT_READER.role,
        subject: subjectOf(GIT_READER.serviceAccount),
        audience: VAULT_AUDIENCE,
        policy: policy.name,
        uses: 1,
      },
      parent,
    );
    const key = new OidcKey(`${name}-oidc-key`, { generation, audiences: [audience] }, parent);
    const role = new OidcRole(`${name}-oidc-role`, { repository, generation, key: key.name, audience }, parent);

    this.mount = auth.mount;
    this.oidcRole = role.name;
    this.audience = output(audience);
    this.generation = output(generation);
    this.ready = [reader, role];
    this.registerOutputs({ mount: this.mount, oidcRole: this.oidcRole, audience, generation });
  }
}
