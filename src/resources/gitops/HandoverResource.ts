import { z } from "zod";
import { KubernetesError } from "../../clients/KubernetesError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { repositorySecretState } from "../../issuers/RepositorySecretState.ts";
import { readRepositorySecret } from "../../issuers/swapRepositorySecret.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { deleteAndWait } from "../kubernetes/deleteAndWait.ts";
import type { Resource } from "../Resource.ts";
import { readAdopted } from "./adoptedSecret.ts";

const inputs = z.strictObject({
  namespace: z.string().min(1),
  /** Name of the Secret that goes. */
  secret: z.string().min(1),
  /** Whose credential takes its place. */
  repository: z.string().min(1),
  url: z.url({ protocol: /^https$/ }),
});

export type HandoverInputs = z.infer<typeof inputs>;

export interface HandoverLive {
  readonly namespace: string;
  /** Name of the Secret that is gone. */
  readonly secret: string;
}

/**
 * `dayzero:gitops:Handover`: the Secret with which Argo CD read a repository before is gone, and the stack's own serves.
 *
 * Of two Secrets of one URL Argo CD takes either (util/db/repository_secrets.go: a project's own first, else the first in no
 * particular order), so from the swap of the new one until here both are valid, and afterwards what is still in flight ends with a
 * token that its forge still knows. Make this one depend on what renews the new credential. Revoking the old token is for the
 * person, who alone can: it stays in the ledger until the configuration no longer names its Secret.
 */
export const handoverResource: Resource<HandoverInputs, HandoverLive> = {
  type: "dayzero:gitops:Handover",
  inputs,
  identify: ({ namespace, secret }) => `${namespace}/${secret}`,

  async read(id, ctx, desired) {
    const [namespace = "", secret = ""] = id.split("/");
    const { url } = desired ?? {};
    if (url === undefined) return { namespace, secret };
    const found = await readAdopted(await ctx.kubernetes(), { namespace, name: secret, url, stack: ctx.stack });
    return found === undefined ? { namespace, secret } : undefined;
  },

  plan: (live) => (live === undefined ? [{ action: "create", path: "" }] : []),

  async apply(_changes, { namespace, secret: name, repository, url }, ctx) {
    const kubernetes = await ctx.kubernetes();
    const found = await readAdopted(kubernetes, { namespace, name, url, stack: ctx.stack });
    if (found === undefined) return { namespace, secret: name };
    const successor = await readRepositorySecret(kubernetes, { namespace, repository });
    const state = successor && repositorySecretState(successor);
    const own = successor?.metadata.labels?.[STACK_LABEL] === ctx.stack;
    if (state === undefined || !own || state.url !== url || state.expiresAt <= ctx.now()) {
      throw new DayzeroError(
        "HANDOVER_TOO_EARLY",
        `cannot remove Secret ${namespace}/${name}: nothing valid takes its place`,
        {
          hint: "run dayzero up: it makes the new credential first",
        },
      );
    }
    const { uid, resourceVersion } = found.metadata;
    const reference = { apiVersion: "v1", kind: "Secret", namespace, name };
    try {
      await kubernetes.delete(reference, {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      });
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.status !== 409) throw error;
      throw new DayzeroError(
        "SECRET_CHANGED",
        `cannot remove Secret ${namespace}/${name}: somebody changed it meanwhile`,
        {
          cause: error,
          hint: "see who writes it, then run dayzero up again",
        },
      );
    }
    await deleteAndWait(kubernetes, reference, { ctx, uid });
    ctx.narrate(`Secret ${namespace}/${name} is gone: revoke the token that it held, at its forge`);
    return { namespace, secret: name };
  },

  owned: async () => [],

  /** What is gone does not come back. */
  remove: async () => undefined,

  ledger(_id, { namespace, secret }) {
    return [
      {
        what: `token that Secret ${namespace}/${secret} held, unless you have revoked it`,
        where: "the repository's forge",
        expiresAt: null,
        residual: true,
        reason: "only its owner can revoke it: do so, then take dayzero:gitops.adopt out",
      },
    ];
  },
};
