import { z } from "zod";
import { VaultClient } from "../../clients/VaultClient.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { GIT_USERNAME } from "../../issuers/gitUsername.ts";
import { issueProved } from "../../issuers/issueProved.ts";
import { oidcIssuer } from "../../issuers/oidcIssuer.ts";
import { planRenewal, requireClock } from "../../issuers/planRenewal.ts";
import { type RepositorySecretState, repositorySecretState } from "../../issuers/RepositorySecretState.ts";
import { readRepositorySecret, swapRepositorySecret } from "../../issuers/swapRepositorySecret.ts";
import { auditLogProblem } from "../../machine/auditLogProblem.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { repositorySecretName, SECRET_TYPE } from "../../manifests/repositorySecret.ts";
import { GIT_READER, VAULT_AUDIENCE } from "../../manifests/vault/trustNames.ts";
import { segments } from "../identity.ts";
import type { Change, Resource } from "../Resource.ts";
import { nothingToAdopt, otherSecretOf, readAdopted } from "./adoptedSecret.ts";
import { requireAuthority } from "./requireAuthority.ts";

const pem = z.string().startsWith("-----BEGIN CERTIFICATE-----");

const inputs = z.strictObject({
  repository: z.string().min(1),
  /** As the Application names it. */
  url: z.url({ protocol: /^https$/ }),
  /** Where the GitOps controller looks for its Secrets. */
  namespace: z.string().min(1),
  /** The cluster's generation, as the token claims it. */
  generation: z.string().min(1),
  vaultAddress: z.url({ protocol: /^https$/ }),
  /** Vault's JWT auth mount of this generation. */
  mount: z.string().min(1),
  /** Vault's OIDC role for this repository. */
  oidcRole: z.string().min(1),
  /** PEM of the CAs that Vault's and the Git server's certificates are from; without one the system's roots count. */
  vaultCa: pem.optional(),
  gitCa: pem.optional(),
  /** Who earns it; without it the local program's Git reader. */
  serviceAccount: z.strictObject({ namespace: z.string().min(1), name: z.string().min(1) }).optional(),
  /** Name of the Secret that somebody else's Argo CD read the repository with when the stack came. */
  adopt: z.string().min(1).optional(),
});

export type RepositoryCredentialInputs = z.infer<typeof inputs>;

export interface RepositoryCredentialLive {
  readonly namespace: string;
  readonly secretName: string;
  readonly repository: string;
  readonly url: string;
  readonly issuer: "openbao-oidc";
  /** `iss` of the credential: as whom Vault signs, which the Git server has to trust. */
  readonly tokenIssuer: string;
  readonly generation: string;
  readonly fingerprint: string;
  readonly epoch: number;
  /** RFC 3339, of the token itself. */
  readonly expiresAt: string;
  readonly nextRenewal: string;
  /** A third of its life, or less, is left. */
  readonly due: boolean;
}

/** A TokenRequest has to ask for ten minutes at least; the token is used once, at once. */
const IDENTITY_SECONDS = 600;

/**
 * The credential with which the GitOps controller reads one repository, earned by the git-reader service account: minted, proved
 * at the Git server, and only then swapped into the controller's Secret. The credential is in that Secret and nowhere else.
 *
 * The Secret of another name that it takes the place of (`adopt`) is left alone: see `handoverResource`. One of the same name is
 * swapped like any other.
 *
 * The renewer renews it from then on; this resource makes the first one and heals what the renewer could not.
 */
export const repositoryCredentialResource: Resource<RepositoryCredentialInputs, RepositoryCredentialLive> = {
  type: "dayzero:gitops:RepositoryCredential",
  inputs,
  id: segments(2),
  identify: ({ namespace, repository }) => `${namespace}/${repository}`,

  async read(id, ctx, desired) {
    const { namespace, repository } = parseId(id);
    const kubernetes = await ctx.kubernetes();
    const secret = await readRepositorySecret(kubernetes, { namespace, repository });
    const { adopt: name, url = "", gitCa } = desired ?? {};
    if (name !== undefined) {
      const adopted = { namespace, name, url, stack: ctx.stack };
      const found = await readAdopted(kubernetes, adopted);
      if (found === undefined && secret === undefined) {
        const other = await otherSecretOf(kubernetes, adopted);
        if (other !== undefined) throw nothingToAdopt(adopted, other);
        ctx.narrate(
          `neither Secret ${name} nor ${repositorySecretName(repository)} is there: a new credential is made`,
        );
      }
      if (gitCa !== undefined) await requireAuthority(kubernetes, { namespace, url, ca: gitCa });
    }
    if (secret === undefined) return undefined;
    if (secret.metadata.labels?.[STACK_LABEL] !== ctx.stack) {
      const name = `${namespace}/${repositorySecretName(repository)}`;
      throw new DayzeroError("SECRET_NOT_OWN", `cannot use Secret ${name}: stack "${ctx.stack}" did not make it`, {
        hint: "delete it, if nobody needs it",
      });
    }
    const state = repositorySecretState(secret);
    if (desired !== undefined && name === undefined && state.replaces !== "") throw adoptionForgotten(state.replaces);
    return describe(id, state, ctx.now());
  },

  plan(live, desired) {
    if (live === undefined) return [{ action: "create", path: "" }];
    const changes: Change[] = [];
    const update = (path: string, before: string, after: string) =>
      changes.push({ action: "update", path, before, after });
    if (live.url !== desired.url) update("url", live.url, desired.url);
    if (live.generation !== desired.generation) update("generation", live.generation, desired.generation);
    if (live.due) update("expiresAt", live.expiresAt, "renewed");
    return changes;
  },

  async apply(_changes, desired, ctx) {
    const kubernetes = await ctx.kubernetes();
    const auditProblem = () => auditLogProblem(new StackLayout(ctx.directory));
    const vault = new VaultClient({ address: desired.vaultAddress, ca: desired.vaultCa, auditProblem });
    try {
      const issuer = oidcIssuer({
        vault,
        mount: desired.mount,
        role: GIT_READER.role,
        oidcRole: desired.oidcRole,
        url: desired.url,
        ca: desired.gitCa,
        // The local program's own server; any other is told by its owner.
        ...(desired.serviceAccount === undefined ? { trustFile: "etc/git-server.json" } : {}),
        identity: async () => {
          const wish = {
            ...(desired.serviceAccount ?? GIT_READER.serviceAccount),
            audiences: [VAULT_AUDIENCE],
            expirationSeconds: IDENTITY_SECONDS,
          };
          return (await kubernetes.serviceAccountToken(wish)).token;
        },
      });
      const credential = await issueProved(issuer, ctx.signal);
      const { namespace, repository, url, adopt } = desired;
      const replaces = adopt === undefined ? {} : { replaces: adopt };
      const target = { namespace, repository, url, labels: { [STACK_LABEL]: ctx.stack }, ...replaces };
      const state = await swapRepositorySecret(kubernetes, target, credential);
      const now = ctx.now();
      requireClock(state, now);
      return describe(repositoryCredentialResource.identify(desired), state, now);
    } finally {
      await vault.close();
    }
  },

  async owned(stack, ctx) {
    const labelSelector = `${STACK_LABEL}=${stack},${SECRET_TYPE}=repository`;
    const secrets = await (await ctx.kubernetes()).list({ apiVersion: "v1", kind: "Secret" }, { labelSelector });
    return secrets.map(({ metadata }) => `${metadata.namespace}/${metadata.name.replace(/^repo-/, "")}`);
  },

  async remove(id, ctx) {
    const { namespace, repository } = parseId(id);
    const kubernetes = await ctx.kubernetes();
    const ref = { apiVersion: "v1", kind: "Secret", namespace, name: repositorySecretName(repository) };
    const found = await kubernetes.get(ref);
    if (found?.metadata.labels?.[STACK_LABEL] !== ctx.stack) return;
    const { uid } = found.metadata;
    await kubernetes.delete(ref, uid === undefined ? {} : { uid });
  },

  ledger(_id, live) {
    return [
      {
        what: `Git credential for reading repository "${live.repository}" (OIDC token signed by Vault)`,
        where: `Secret ${live.namespace}/${live.secretName}`,
        expiresAt: live.expiresAt,
        residual: false,
      },
    ];
  },
};

function describe(id: string, state: RepositorySecretState, now: Date): RepositoryCredentialLive {
  const { namespace, repository } = parseId(id);
  const { issuedAt, expiresAt } = state;
  const renewal = planRenewal({ issuedAt, expiresAt, now });
  return {
    namespace,
    secretName: repositorySecretName(repository),
    repository,
    url: state.url,
    issuer: "openbao-oidc",
    tokenIssuer: state.tokenIssuer,
    generation: state.generation,
    fingerprint: state.fingerprint,
    epoch: state.epoch,
    expiresAt: expiresAt.toISOString(),
    nextRenewal: renewal.at.toISOString(),
    due: renewal.due || state.repository !== repository || state.username !== GIT_USERNAME,
  };
}

function parseId(id: string): { namespace: string; repository: string } {
  const [namespace = "", repository = ""] = id.split("/");
  return { namespace, repository };
}

/** A stack that took over somebody's Argo CD has no Application of its own: another one over the same repository would fight with theirs. */
function adoptionForgotten(secret: string): DayzeroError {
  return new DayzeroError(
    "ADOPTION_FORGOTTEN",
    "cannot go on: this stack took over an Argo CD that had Applications of its own, and its configuration says so no more",
    { hint: `put it back, for good: dayzero:gitops: { adopt: ${secret} }` },
  );
}
