import type { KubernetesClient } from "../../src/clients/KubernetesClient.ts";
import type { Context } from "../../src/resources/Resource.ts";
import type { ApiServer } from "./apiserver.ts";

/** A {@link Context} of stack `test` for resources that live in a cluster only: a client that is there, no tools and no Vault. */
export function clusterContext(server: ApiServer, client: KubernetesClient, change: Partial<Context> = {}): Context {
  return {
    stack: "test",
    directory: server.directory,
    dryRun: false,
    signal: new AbortController().signal,
    now: () => new Date(),
    tool: () => [],
    narrate: () => undefined,
    kubernetes: async () => client,
    vault: () => Promise.reject(new Error("there is none in this test")),
    memory: new Map(),
    ...change,
  };
}
