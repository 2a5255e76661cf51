import { setTimeout as delay } from "node:timers/promises";
import { Agent, type Dispatcher, request as send } from "undici";
import { Secret } from "../credentials/Secret.ts";
import { clockNote } from "./clockNote.ts";
import { KubernetesDiscovery } from "./KubernetesDiscovery.ts";
import { KubernetesError } from "./KubernetesError.ts";
import { retryPause, TURNED_AWAY } from "./retryPause.ts";
import { trustSystemRoots } from "./trustSystemRoots.ts";

/** What a client shows the server to say who it is; asked for again before `expiresAt` and once after a 401. */
export interface KubernetesCredential {
  readonly token?: Secret;
  /** PEM, presented together with `key`. */
  readonly certificate?: string;
  readonly key?: Secret;
  readonly expiresAt?: Date;
}

export interface KubernetesReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface KubernetesMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
}

/** An object as it stands in a manifest or comes from the server. */
export interface KubernetesManifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: KubernetesMetadata;
  readonly [field: string]: unknown;
}

export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: T;
}

interface RequestOptions {
  body?: unknown;
  /** Instead of a body that is to become JSON. */
  text?: string;
  contentType?: string;
  query?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
}

/** Who the client is for now. The agent's connections carry the certificate, each request the token. */
interface Identity {
  readonly credential: KubernetesCredential;
  readonly agent: Agent;
}

/** A credential is renewed this long before it ends. */
const RENEW_BEFORE_MS = 60_000;
const READ_TIMEOUT_MS = 15_000;
/** A write may be held up by admission, and by etcd. */
const WRITE_TIMEOUT_MS = 60_000;

/**
 * HTTP to one Kubernetes API server: TLS verified by its CA, objects addressed by apiVersion, kind, namespace and name.
 *
 * Every failure of a request is a {@link KubernetesError}; an abort is the signal's reason, and what `credential` throws comes through.
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
export class KubernetesClient {
  readonly server: string;
  readonly #ca: string | undefined;
  readonly #obtain: () => Promise<KubernetesCredential>;
  readonly #discovery = new KubernetesDiscovery((path) => this.request("GET", path));
  #identity: Identity | undefined;
  #renewing: Promise<Identity> | undefined;
  readonly #agents = new Set<Agent>();

  constructor(options: {
    server: string;
    /** PEM; without it the system's roots count. */
    ca: string | undefined;
    credential: () => Promise<KubernetesCredential>;
  }) {
    this.server = options.server.replace(/\/$/, "");
    this.#ca = options.ca;
    this.#obtain = options.credential;
  }

  async request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const response = await this.#send(method, path, options);
    const text = await textOf(response, method, path);
    try {
      return JSON.parse(text) as T;
    } catch {
      // Without the text: whoever it is that answers here for the server, what it says is nobody's to quote.
      if (/^\/apis?\b/.test(path)) throw unreachable(method, path, new Error("the answer is not JSON"));
      return text as T;
    }
  }

  /** The server's clock, to the second, as its answer's Date header tells it (RFC 9110, 6.6.1); `undefined` where it tells none. */
  async serverTime(): Promise<Date | undefined> {
    const { headers, body } = await this.#send("GET", "/version", {});
    await body.dump();
    return headers.date === undefined ? undefined : new Date(String(headers.date));
  }

  /** The object, or `undefined` when there is none (or no such kind). */
  async get<T = KubernetesManifest>(ref: KubernetesReference): Promise<T | undefined> {
    return this.#unlessAbsent(async () => this.request<T>("GET", await this.#discovery.path(ref)));
  }

  /** All objects of a kind, in one namespace or in all; none when the kind is not served. */
  async list<T = KubernetesManifest>(
    of: { apiVersion: string; kind: string; namespace?: string },
    options: { labelSelector?: string; fieldSelector?: string } = {},
  ): Promise<T[]> {
    const items: T[] = [];
    let next: string | undefined;
    do {
      const query = { limit: "500", ...options, ...(next ? { continue: next } : {}) };
      const page = await this.#unlessAbsent(async () =>
        this.request<{ items: T[]; metadata: { continue?: string } }>("GET", await this.#discovery.path(of), { query }),
      );
      // Items of a list come without apiVersion and kind.
      for (const item of page?.items ?? []) items.push({ apiVersion: of.apiVersion, kind: of.kind, ...item });
      next = page?.metadata.continue;
    } while (next);
    return items;
  }

  async create<T = KubernetesManifest>(object: KubernetesManifest): Promise<T> {
    const path = await this.#discovery.path(collectionOf(object));
    return this.request<T>("POST", path, { body: object, query: { fieldManager: "dayzero" } });
  }

  /** Replaces the whole object; fails with reason `Conflict` unless `metadata.resourceVersion` is still the live one. */
  async replace<T = KubernetesManifest>(object: KubernetesManifest): Promise<T> {
    const path = await this.#discovery.path(referenceOf(object));
    return this.request<T>("PUT", path, { body: object, query: { fieldManager: "dayzero" } });
  }

  /** Server-side apply, taking over fields that others own; with `dryRun` only the answer is made. */
  apply<T = KubernetesManifest>(object: KubernetesManifest, options: { dryRun?: boolean } = {}): Promise<T> {
    return this.applyText<T>(referenceOf(object), JSON.stringify(object), options);
  }

  /** As {@link KubernetesClient.apply}, for an object that is YAML already. */
  async applyText<T = KubernetesManifest>(
    ref: KubernetesReference,
    text: string,
    options: { dryRun?: boolean } = {},
  ): Promise<T> {
    const query = { fieldManager: "dayzero", force: "true", ...(options.dryRun ? { dryRun: "All" } : {}) };
    // JSON is YAML; the server knows server-side apply by this content type.
    const contentType = "application/apply-patch+yaml";
    return this.request<T>("PATCH", await this.#discovery.path(ref), { text, contentType, query });
  }

  async mergePatch<T = KubernetesManifest>(ref: KubernetesReference, patch: object): Promise<T> {
    const contentType = "application/merge-patch+json";
    const query = { fieldManager: "dayzero" };
    return this.request<T>("PATCH", await this.#discovery.path(ref), { body: patch, contentType, query });
  }

  /**
   * Asks for removal; already gone (or no such kind) is success. With preconditions only that very object, or that very version of
   * it, is removed; otherwise it fails with reason `Conflict`.
   */
  async delete(
    ref: KubernetesReference,
    preconditions: { uid?: string; resourceVersion?: string } = {},
  ): Promise<void> {
    const body = {
      kind: "DeleteOptions",
      apiVersion: "v1",
      propagationPolicy: "Background",
      ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
    };
    await this.#unlessAbsent(async () => this.request("DELETE", await this.#discovery.path(ref), { body }));
  }

  /** Events of one object, beginning with its present state; ends when the server closes the watch (after 5 minutes at most). */
  async *watch<T = KubernetesManifest>(ref: KubernetesReference, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    const { name, ...collection } = ref;
    const path = await this.#discovery.path(collection);
    const query = { watch: "true", fieldSelector: `metadata.name=${name}`, timeoutSeconds: "300" };
    const response = await this.#send("GET", path, { query, signal });
    for await (const line of linesOf(response, path, signal)) {
      let event: WatchEvent<T>;
      try {
        event = JSON.parse(line) as WatchEvent<T>;
      } catch {
        // Without the parser's words, which quote what may be a Secret.
        throw unreachable("GET", path, new Error("an event of the watch is not JSON"));
      }
      yield event;
    }
  }

  /** TokenRequest: a token bound to a service account, an audience and a time. */
  async serviceAccountToken(options: {
    namespace: string;
    name: string;
    audiences?: readonly string[];
    expirationSeconds: number;
  }): Promise<{ token: Secret; expiresAt: Date }> {
    const { namespace, name, audiences, expirationSeconds } = options;
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(name)}/token`;
    const spec = { expirationSeconds, ...(audiences === undefined ? {} : { audiences }) };
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
    const answer = await this.request<{ status: { token: string; expirationTimestamp: string } }>("POST", path, {
      body,
    });
    return { token: new Secret(answer.status.token), expiresAt: new Date(answer.status.expirationTimestamp) };
  }

  /** Whether objects of this kind live in namespaces; `undefined` when the server does not know the kind. */
  async namespaced(apiVersion: string, kind: string): Promise<boolean | undefined> {
    return this.#unlessAbsent(() => this.#discovery.namespaced(apiVersion, kind));
  }

  /** The apiVersion to address a kind of a group ("" is the core group) by; `undefined` when the server does not know the kind. */
  apiVersion(group: string, kind: string): Promise<string | undefined> {
    return this.#discovery.apiVersion(group, kind);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents].map((agent) => agent.destroy()));
  }

  async #unlessAbsent<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 404) return undefined;
      throw error;
    }
  }

  async #send(method: string, path: string, options: RequestOptions): Promise<Dispatcher.ResponseData> {
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      const identity = await this.#authenticate();
      const response = await this.#sendOnce(identity, method, path, options);
      if (response.statusCode < 300) return response;
      const text = await textOf(response, method, path);
      const pause = response.statusCode === 429 ? retryPause(response.headers["retry-after"], Date.now()) : undefined;
      if (response.statusCode === 401 && !renewed) {
        renewed = true;
        // Unless another request of the same identity came to this before.
        if (this.#identity === identity) await this.#renew();
      } else if (pause !== undefined && attempt < TURNED_AWAY) {
        const { signal } = options;
        await delay(pause, undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
      } else {
        const clock = response.statusCode === 401 ? clockNote(response.headers.date, Date.now()) : undefined;
        throw refused(method, path, response.statusCode, text, clock);
      }
    }
  }

  async #sendOnce(
    { credential, agent }: Identity,
    method: string,
    path: string,
    options: RequestOptions,
  ): Promise<Dispatcher.ResponseData> {
    const query = options.query === undefined ? "" : `?${new URLSearchParams(options.query)}`;
    const timeout = method === "GET" ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS;
    const body = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    try {
      return await send(`${this.server}${path}${query}`, {
        method: method as Dispatcher.HttpMethod,
        dispatcher: agent,
        headers: {
          accept: "application/json, */*;q=0.5",
          "user-agent": "dayzero",
          ...(credential.token ? { authorization: `Bearer ${credential.token.reveal()}` } : {}),
          ...(body === undefined ? {} : { "content-type": options.contentType ?? "application/json" }),
        },
        body: body ?? null,
        signal: options.signal ?? null,
        headersTimeout: timeout,
        bodyTimeout: options.query?.watch === undefined ? timeout : 0,
      });
    } catch (error) {
      if (options.signal?.aborted) throw options.signal.reason;
      throw unreachable(method, path, error);
    }
  }

  async #authenticate(): Promise<Identity> {
    const identity = this.#identity;
    if (identity === undefined) return this.#renew();
    const { expiresAt } = identity.credential;
    if (expiresAt === undefined || expiresAt.getTime() - Date.now() > RENEW_BEFORE_MS) return identity;
    return this.#renew();
  }

  /** One at a time: whoever needs a new identity meanwhile gets this one. */
  #renew(): Promise<Identity> {
    this.#renewing ??= this.#identify().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #identify(): Promise<Identity> {
    const before = this.#identity;
    const credential = await this.#obtain();
    const agent = before && hasSameKey(before.credential, credential) ? before.agent : this.#connect(credential);
    this.#identity = { credential, agent };
    if (before !== undefined && before.agent !== agent) setImmediate(() => this.#retire(before.agent));
    return this.#identity;
  }

  #connect({ certificate, key }: KubernetesCredential): Agent {
    if (this.#ca === undefined) trustSystemRoots();
    const agent = new Agent({
      // One TLS connection for each request in flight: an HTTP/2 session is a single point of failure for watches.
      allowH2: false,
      connect: {
        timeout: 10_000,
        ...(this.#ca === undefined ? {} : { ca: this.#ca }),
        ...(certificate && key ? { cert: certificate, key: key.reveal() } : {}),
      },
    });
    this.#agents.add(agent);
    return agent;
  }

  /** Its requests, watches too, come to their end; then it is gone. */
  #retire(agent: Agent): void {
    agent.close().then(
      () => this.#agents.delete(agent),
      // It was destroyed meanwhile.
      () => undefined,
    );
  }
}

/** The address of an object. */
export function referenceOf(object: KubernetesManifest): KubernetesReference {
  return { ...collectionOf(object), name: object.metadata.name };
}

function collectionOf(object: KubernetesManifest): Omit<KubernetesReference, "name"> {
  const { namespace } = object.metadata;
  return { apiVersion: object.apiVersion, kind: object.kind, ...(namespace === undefined ? {} : { namespace }) };
}

function hasSameKey(one: KubernetesCredential, other: KubernetesCredential): boolean {
  return one.certificate === other.certificate && one.key?.reveal() === other.key?.reveal();
}

async function textOf({ body }: Dispatcher.ResponseData, method: string, path: string): Promise<string> {
  try {
    return await body.text();
  } catch (error) {
    throw unreachable(method, path, error);
  }
}

async function* linesOf(
  { body }: Dispatcher.ResponseData,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of body) {
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") yield line;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable("GET", path, error);
  }
}

function unreachable(method: string, path: string, cause: unknown): KubernetesError {
  const code = (cause as { code?: string }).code;
  const refusedByAll = ((cause as { errors?: { code?: string }[] }).errors ?? []).some(
    (e) => e.code === "ECONNREFUSED",
  );
  const reason = code === "ECONNREFUSED" || refusedByAll ? "ConnectionRefused" : "Unreachable";
  return new KubernetesError({ status: 0, reason, method, path, ...(code ? { message: code } : {}) }, { cause });
}

function refused(method: string, path: string, status: number, text: string, clock?: string): KubernetesError {
  let answer: { reason?: string; message?: string; details?: { causes?: { field?: string; reason?: string }[] } } = {};
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch {
    // Not a Status object: a proxy, or the server before its API is installed.
  }
  const reason = answer.reason || `HTTP ${status}`;
  // What is said about a Secret or a token may quote it; which fields it is about does not.
  const said = /\/(secrets|token|tokenreviews)(\/|$)/.test(path)
    ? answer.details?.causes?.map((cause) => `${cause.field} ${cause.reason}`).join(", ")
    : answer.message;
  const message = [said, clock].filter(Boolean).join("; ");
  return new KubernetesError({ status, reason, method, path, ...(message ? { message } : {}) });
}
