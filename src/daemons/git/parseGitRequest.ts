/** What a request to the Git server asks for; everything but the two requests of a fetch is refused here. */
export type GitRequest =
  | { readonly kind: "health" }
  | { readonly kind: "refused"; readonly status: 400 | 403 | 404 | 405; readonly reason: string }
  | {
      readonly kind: "fetch";
      readonly repository: string;
      /** Below the folder of repositories, for `git http-backend`. */
      readonly pathInfo: string;
      readonly query: string;
      /** Whether a body follows (the second request) or references are asked for (the first). */
      readonly step: "references" | "pack";
    };

/**
 * Sorts a request by its method and raw target, which is never decoded or normalised: what does not look exactly like
 * a request of the smart protocol for fetching is refused.
 *
 * Source: https://git-scm.com/docs/http-protocol
 */
export function parseGitRequest(method: string, target: string): GitRequest {
  if (target === "/healthz") return method === "GET" ? { kind: "health" } : refuse(405, "method");
  const parts = /^\/([a-z0-9](?:[a-z0-9-]{0,62}))\.git\/([a-zA-Z0-9/_.-]+)(?:\?([\w=&-]*))?$/.exec(target);
  const [, repository, endpoint, query = ""] = parts ?? [];
  if (repository === undefined || endpoint === undefined) return refuse(404, "no-such-path");
  const pathInfo = `/${repository}.git/${endpoint}`;
  switch (endpoint) {
    case "info/refs":
      if (method !== "GET") return refuse(405, "method");
      if (query === "service=git-receive-pack") return refuse(403, "read-only");
      if (query !== "service=git-upload-pack") return refuse(403, "dumb-protocol");
      return { kind: "fetch", repository, pathInfo, query, step: "references" };
    case "git-upload-pack":
      if (method !== "POST") return refuse(405, "method");
      if (query !== "") return refuse(400, "query");
      return { kind: "fetch", repository, pathInfo, query, step: "pack" };
    case "git-receive-pack":
      return refuse(403, "read-only");
    default:
      return refuse(404, "no-such-path");
  }
}

function refuse(status: 400 | 403 | 404 | 405, reason: string): GitRequest {
  return { kind: "refused", status, reason };
}
