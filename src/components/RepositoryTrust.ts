import { getStack } from "@pulumi/pulumi/metadata.js";
import { type Input, type Output, output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi/resource.js";
import {
  GIT_READER,
  gitAudience,
  jwtMountName,
  nameInVault,
  oidcKeyName,
  oidcRoleName,
  subjectOf,
  VAULT_AUDIENCE,
} from "../manifests/vault/trustNames.ts";
import { JwtAuth, JwtRole, OidcKey, OidcRole, Policy } from "../resources/vault/index.ts";

export interface RepositoryTrustArgs {
  /** UID of the cluster's kube-system namespace. */
  readonly generation: Input<string>;
  /** Public keys (PEM) and `iss` of the cluster's service-account tokens. */
  readonly issuerKeys: Input<string[]>;
  readonly issuer: Input<string>;
  readonly repository: string;
  /** Service account of the Git reader; by default the local program's. */
  readonly reader?: { readonly namespace: string; readonly name: string };
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
    const {
      generation,
      issuerKeys,
      issuer,
      repository,
      deletedWith,
      reader: account = GIT_READER.serviceAccount,
    } = args;
    const parent = { parent: this, ...(deletedWith === undefined ? {} : { deletedWith }) };
    const stack = getStack();
    const audience = gitAudience(stack, repository);

    const named = output(generation).apply((uid) => ({
      mount: jwtMountName(stack, uid),
      key: oidcKeyName(stack, uid),
    }));
    const auth = new JwtAuth(`${name}-auth`, { mount: named.mount, generation, issuerKeys, issuer }, parent);
    const policy = new Policy(
      `${name}-git-reader-policy`,
      { name: nameInVault(stack, GIT_READER.role), template: "git-reader", values: { stack } },
      parent,
    );
    const reader = new JwtRole(
      `${name}-git-reader`,
      {
        mount: auth.mount,
        name: GIT_READER.role,
        subject: subjectOf(account),
        audience: VAULT_AUDIENCE,
        policy: policy.name,
        uses: 1,
      },
      parent,
    );
    const key = new OidcKey(`${name}-oidc-key`, { name: named.key, audiences: [audience] }, parent);
    const role = new OidcRole(
      `${name}-oidc-role`,
      { name: oidcRoleName(stack, repository), repository, generation, key: key.name, audience },
      parent,
    );

    this.mount = auth.mount;
    this.oidcRole = role.name;
    this.audience = output(audience);
    this.generation = output(generation);
    this.ready = [reader, role];
    this.registerOutputs({ mount: this.mount, oidcRole: this.oidcRole, audience, generation });
  }
}
