import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
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
 * It is found, never made: applying it waits until the API server has its first namespaces. The issuer comes from the server's
 * discovery document (OpenID Connect Discovery 1.0), the keys from the files that the server itself was given.
 */
export const generationResource: Resource<Record<string, never>, GenerationLive> = {
  type: "dayzero:cluster:Generation",

  inputs: z.strictObject({}),

  identify: () => "generation",

  async read(_id, ctx) {
    try {
      return await readGeneration(ctx);
    } catch (error) {
      // A plan for a cluster that is down, or not there yet.
      if (ctx.dryRun) return undefined;
      throw error;
    }
  },

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
  const [namespace, { issuer }, publicKeys] = await Promise.all([
    kubernetes.get<{ metadata: { uid: string } }>({ apiVersion: "v1", kind: "Namespace", name: "kube-system" }),
    kubernetes.request<{ issuer: string }>("GET", "/.well-known/openid-configuration"),
    readPublicKeys(join(ctx.directory, "pki", "kubernetes")),
  ]);
  if (namespace === undefined) return undefined;
  const { uid } = namespace.metadata;
  return { generation: uid.slice(0, 8), uid, publicKeys, issuer };
}

async function readPublicKeys(folder: string): Promise<string[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".pub")).sort();
  return Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
}
