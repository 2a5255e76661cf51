import { createPublicKey, type JsonWebKey } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Context, Resource } from "../Resource.ts";

export interface GenerationLive {
  /** First 8 hex digits of `uid`: names this life of the cluster wherever a name has to be short. */
  generation: string;
  /** UID of the namespace kube-system. */
  uid: string;
  /** PEM (SPKI) of the keys that verify the cluster's service-account tokens. */
  publicKeys: string[];
  /** `iss` of those tokens. */
  issuer: string;
}

const POLL_MS = 50;
const WAIT_MS = 60_000;

/**
 * `dayzero:cluster:Generation`: one life of a cluster, told by what only that cluster has.
 *
 * It is found, never made: applying it waits until the API server has its first namespaces. The issuer and
 * the keys are what the server itself publishes (OpenID Connect Discovery 1.0, RFC 7517).
 */
export const generationResource: Resource<Record<string, never>, GenerationLive> = {
  type: "dayzero:cluster:Generation",

  inputs: z.strictObject({}),

  id: z.literal("generation"),
  identify: () => "generation",

  read: (_id, ctx) => readGeneration(ctx),

  plan: (live) => (live === undefined ? [{ action: "create", path: "" }] : []),

  async apply(_changes, _desired, ctx) {
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      const live = await readGeneration(ctx);
      if (live !== undefined) return live;
      if (performance.now() > deadline) {
        throw new DayzeroError(
          "GENERATION_UNKNOWN",
          `the cluster has no namespace kube-system after ${WAIT_MS / 1000} s`,
          {
            hint: "read the log of kube-apiserver",
          },
        );
      }
      ctx.narrate("waiting for namespace kube-system");
      await delay(POLL_MS, undefined, { signal: ctx.signal });
    }
  },

  owned: async () => [],

  remove: async () => undefined,
};

async function readGeneration(ctx: Context): Promise<GenerationLive | undefined> {
  const kubernetes = await ctx.kubernetes();
  const [namespace, { issuer }, { keys }] = await Promise.all([
    kubernetes.get<{ metadata: { uid: string } }>({ apiVersion: "v1", kind: "Namespace", name: "kube-system" }),
    kubernetes.request<{ issuer: string }>("GET", "/.well-known/openid-configuration"),
    kubernetes.request<{ keys: JsonWebKey[] }>("GET", "/openid/v1/jwks"),
  ]);
  if (namespace === undefined) return undefined;
  const { uid } = namespace.metadata;
  return { generation: uid.slice(0, 8), uid, publicKeys: keys.map(toPem).sort(), issuer };
}

function toPem(key: JsonWebKey): string {
  return createPublicKey({ key, format: "jwk" }).export({ type: "spki", format: "pem" }).toString();
}
