import type { Secret } from "../credentials/Secret.ts";

/** Counts the swaps; a writer that finds a higher one than it knew has lost a race. */
export const EPOCH = "dayzero.dev/epoch";
/** Who put the credential there, where that is for somebody to rely on: `agent/<id of the process>`. */
export const WRITER = "dayzero.dev/writer";
/** Name of the Secret that this one was to replace when the stack came. */
export const REPLACES = "dayzero.dev/replaces";
const EXPIRES_AT = "dayzero.dev/expires-at";
const FINGERPRINT = "dayzero.dev/fingerprint";

/** Argo CD finds its repositories by this label. */
export const SECRET_TYPE = "argocd.argoproj.io/secret-type";

/** Name of the Secret with which Argo CD reads a repository. */
export function repositorySecretName(repository: string): string {
  return `repo-${repository}`;
}

export interface RepositorySecretOptions {
  readonly namespace: string;
  readonly repository: string;
  /** As the Application names it, to the letter. */
  readonly url: string;
  readonly username: string;
  readonly password: Secret;
  readonly expiresAt: Date;
  readonly fingerprint: string;
  readonly epoch: number;
  /** "" where nobody relies on it. */
  readonly writer: string;
  /** "" when there was none. */
  readonly replaces: string;
  /** Labels beside Argo CD's own. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of the object that this one takes the place of; absent when it is the first. */
  readonly resourceVersion?: string;
}

/**
 * The repository Secret of Argo CD, credential included: it goes to the API server and nowhere else.
 *
 * `username` and `password` reach git through Argo CD's askpass; a `bearerToken` would sit in the environment of its children.
 * Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories
 */
export function repositorySecret(options: RepositorySecretOptions) {
  const { namespace, repository, url, username, password, resourceVersion } = options;
  const encode = (text: string) => Buffer.from(text, "utf8").toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: repositorySecretName(repository),
      namespace,
      labels: { ...options.labels, [SECRET_TYPE]: "repository" },
      annotations: {
        [EPOCH]: String(options.epoch),
        [EXPIRES_AT]: options.expiresAt.toISOString(),
        [FINGERPRINT]: options.fingerprint,
        ...(options.writer === "" ? {} : { [WRITER]: options.writer }),
        ...(options.replaces === "" ? {} : { [REPLACES]: options.replaces }),
      },
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    type: "Opaque",
    data: {
      type: encode("git"),
      name: encode(repository),
      url: encode(url),
      username: encode(username),
      password: encode(password.reveal()),
    },
  };
}
