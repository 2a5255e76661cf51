import type { KubernetesClient } from "../clients/KubernetesClient.ts";
import type { VaultClient } from "../clients/VaultClient.ts";

/** The methods of a client that may change something; `request` is judged by the HTTP method that it is given. */
const WRITES: ReadonlySet<string | symbol> = new Set([
  "apply",
  "create",
  "delete",
  "mergePatch",
  "replace",
  "serviceAccountToken",
  "write",
]);

/**
 * The same client, which calls `assertHeld` before each request that may change something; what that throws is the request's failure.
 *
 * A run that was stopped in the middle of a step, past the end of its Lease, goes on with that step: looking at the Lease once for each
 * step is not enough. A request that has been sent already is not called back.
 */
export function fenced<Client extends KubernetesClient | VaultClient>(client: Client, assertHeld: () => void): Client {
  return new Proxy(client, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      // On the client itself: its private fields are its own.
      const call = (...args: readonly unknown[]): unknown => member.apply(target, args);
      if (name !== "request" && !WRITES.has(name)) return call;
      return async (...args: readonly unknown[]) => {
        if (args[0] !== "GET") assertHeld();
        return call(...args);
      };
    },
  });
}
