import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { KubernetesError } from "../../clients/KubernetesError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { planRenewal } from "../../issuers/planRenewal.ts";
import { repositorySecretState } from "../../issuers/RepositorySecretState.ts";
import { readRepositorySecret } from "../../issuers/swapRepositorySecret.ts";
import { AGENT_WRITER } from "../../manifests/agent/agentPaths.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { segments } from "../identity.ts";
import { deleteAndWait } from "../kubernetes/deleteAndWait.ts";
import type { Context, Resource } from "../Resource.ts";
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

/** An agent renews at its start; it is ready once it did. */
const PATIENCE_MS = 60_000;
const LOOK_MS = 500;

/**
 * `dayzero:gitops:Handover`: the Secret with which Argo CD read a repository before is gone, and the stack's own serves.
 *
 * Of two Secrets of one URL Argo CD takes either (util/db/repository_secrets.go: a project's own first, else the first in no
 * particular order), so from the swap of the new one until here both are valid, and afterwards what is still in flight ends with a
 * token that its forge still knows. The old one goes when the agent in the cluster has put a credential into the new one itself:
 * that `up` could says nothing of what renews it from then on. Revoking the old token is for the person, who alone can: it stays in the
 * ledger, for nobody here sees that they did.
 */
export const handoverResource: Resource<HandoverInputs, HandoverLive> = {
  type: "dayzero:gitops:Handover",
  inputs,
  id: segments(2),
  identify: ({ namespace, secret }) => `${namespace}/${secret}`,

  async read(id, ctx, desired) {
    const [namespace = "", secret = ""] = id.split("/");
    const { url } = desired ?? {};
    const kubernetes = await ctx.kubernetes();
    const found =
      url === undefined
        ? await kubernetes.get({ apiVersion: "v1", kind: "Secret", namespace, name: secret })
        : await readAdopted(kubernetes, { namespace, name: secret, url, stack: ctx.stack });
    return found === undefined ? { namespace, secret } : undefined;
  },

  plan: (live) => (live === undefined ? [{ action: "create", path: "" }] : []),

  async apply(_changes, { namespace, secret: name, repository, url }, ctx) {
    const kubernetes = await ctx.kubernetes();
    const found = await readAdopted(kubernetes, { namespace, name, url, stack: ctx.stack });
    if (found === undefined) return { namespace, secret: name };
    await untilRenewed(kubernetes, { namespace, secret: name, repository, url }, ctx);
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
        reason:
          "only its owner can revoke it; leave dayzero:gitops.adopt as it is: it says that the Applications are not the stack's",
      },
    ];
  },
};

/** Resolves when the successor is good, with time to spare, by the hand of what renews it; HANDOVER_TOO_EARLY after a minute. */
async function untilRenewed(
  kubernetes: KubernetesClient,
  { namespace, secret, repository, url }: HandoverInputs,
  ctx: Context,
): Promise<void> {
  const deadline = ctx.now().getTime() + PATIENCE_MS;
  for (let announced = false; ; announced = true) {
    const successor = await readRepositorySecret(kubernetes, { namespace, repository });
    const state = successor && repositorySecretState(successor);
    const now = ctx.now();
    const why =
      state === undefined || successor?.metadata.labels?.[STACK_LABEL] !== ctx.stack || state.url !== url
        ? "the stack has no credential in its place"
        : !state.writer.startsWith(AGENT_WRITER)
          ? "the agent in the cluster has not renewed the new credential yet"
          : planRenewal({ ...state, now }).due
            ? "the agent in the cluster renews the new credential no more"
            : undefined;
    if (why === undefined) return;
    if (now.getTime() > deadline) {
      throw new DayzeroError("HANDOVER_TOO_EARLY", `cannot remove Secret ${namespace}/${secret}: ${why}`, {
        hint: `see what it says: kubectl -n dayzero-system logs deployment/dayzero-agent-${repository}; then run dayzero up again`,
      });
    }
    if (!announced) ctx.narrate(`waiting for the agent: ${why}`);
    await delay(LOOK_MS, undefined, { signal: ctx.signal });
  }
}
