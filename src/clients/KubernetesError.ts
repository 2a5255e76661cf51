/**
 * A request that the API server did not answer with success.
 *
 * `reason` is the server's (`NotFound`, `Conflict`, `Invalid`...), or one of ours: `ConnectionRefused` when nothing listens,
 * `Unreachable` when the connection broke, `UnknownKind` when no served API has the kind. `status` is 0 without an answer.
 * The message never quotes the server on paths whose objects hold secrets.
 */
export class KubernetesError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly method: string;
  readonly path: string;

  constructor(
    details: { status: number; reason: string; method: string; path: string; message?: string },
    options?: ErrorOptions,
  ) {
    const said = details.message === undefined ? "" : `: ${details.message}`;
    const status = details.status === 0 ? "" : ` ${details.status}`;
    super(`kubernetes ${details.method} ${details.path}:${status} ${details.reason}${said}`, options);
    this.name = "KubernetesError";
    this.status = details.status;
    this.reason = details.reason;
    this.method = details.method;
    this.path = details.path;
  }
}
