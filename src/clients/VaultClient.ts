import { setTimeout as delay } from "node:timers/promises";
import { Agent, type Dispatcher, request } from "undici";
import { DayzeroError } from "../config/DayzeroError.ts";
import { Secret } from "../credentials/Secret.ts";
import { COMPARE_CLOCKS, certificateProblem } from "./certificateProblem.ts";
import { clockNote } from "./clockNote.ts";
import { retryPause, TURNED_AWAY } from "./retryPause.ts";
import { trustSystemRoots } from "./trustSystemRoots.ts";
import { VaultError } from "./VaultError.ts";

export interface VaultClientOptions {
  /** `https://127.0.0.1:8200` */
  readonly address: string;
  /** PEM of the one CA that is trusted, instead of the system's. */
  readonly ca?: string | undefined;
  readonly token?: Secret;
  /** What to do when it does not answer, where more is known of it than its address. */
  readonly hint?: string;
  /** Why its audit log cannot be written, where that can be looked at: tells a Vault that may not answer from one that fails. */
  readonly auditProblem?: (() => Promise<string | undefined>) | undefined;
}

/** What a login gave. */
export interface VaultSession {
  /** Holds the new token. */
  readonly client: VaultClient;
  /** How long the token is good for; 0 for one that does not end by itself. */
  readonly seconds: number;
}

/** Milliseconds for connecting, and for each of response headers and body. Initialization of a raft store takes up to 9 s. */
const CONNECT_MS = 5_000;
const READ_MS = 5_000;
const WRITE_MS = 30_000;

/**
 * Vault's HTTP API (https://openbao.org/api-docs/); OpenBao and Vault alike.
 *
 * Paths are those of the API without `/v1/`. What a call returns is the part of the response that answers the question: its `data`,
 * or its `auth` (logins), or where the endpoint wraps its answer in neither (`sys/init`, `sys/seal-status`, OIDC discovery) the body itself.
 * An answer with an error status throws a `VaultError`; no answer throws `DayzeroError` VAULT_UNREACHABLE, and a refusal because its
 * audit log cannot be written VAULT_AUDIT_BLOCKED, where that can be looked at. What a rate limit turned away (429) is sent again when
 * Vault says, a few times.
 */
export class VaultClient {
  readonly address: string;
  readonly #dispatcher: Dispatcher;
  readonly #token: Secret | undefined;
  readonly #hint: string;
  readonly #auditProblem: VaultClientOptions["auditProblem"];

  constructor(options: VaultClientOptions | (Omit<VaultClientOptions, "ca"> & { dispatcher: Dispatcher })) {
    this.address = options.address;
    this.#hint = options.hint ?? "see that it runs at that address, and is reached from here";
    this.#token = options.token;
    this.#auditProblem = options.auditProblem;
    this.#dispatcher = "dispatcher" in options ? options.dispatcher : connect(options);
  }

  /** `undefined` when Vault answers 404. */
  async read<T>(path: string): Promise<T | undefined> {
    try {
      return (await this.#call("GET", path)) as T;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async write<T>(path: string, body: object = {}): Promise<T> {
    return (await this.#call("POST", path, body)) as T;
  }

  /** Already gone is success. */
  async delete(path: string): Promise<void> {
    try {
      await this.#call("DELETE", path);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Names below a path; empty when there are none. */
  async list(path: string): Promise<string[]> {
    const found = await this.read<{ keys?: string[] }>(`${path}?list=true`);
    return found?.keys ?? [];
  }

  /** Needs no token, and answers whatever state Vault is in. */
  async health(): Promise<{ initialized: boolean; sealed: boolean; standby: boolean }> {
    const healthy = "sys/health?uninitcode=200&sealedcode=200&standbycode=200&perfstandbycode=200";
    const { initialized, sealed, standby } = (await this.#call("GET", healthy)) as {
      initialized: boolean;
      sealed: boolean;
      standby: boolean;
    };
    return { initialized, sealed, standby };
  }

  /** The same connections with another token. */
  withToken(token: Secret): VaultClient {
    return new VaultClient({
      address: this.address,
      dispatcher: this.#dispatcher,
      token,
      hint: this.#hint,
      auditProblem: this.#auditProblem,
    });
  }

  /** Logs in at `auth/<mount>`, where JWT and Kubernetes auth methods are asked alike. */
  async login(mount: string, role: string, jwt: Secret): Promise<VaultSession> {
    const { client_token: token, lease_duration: seconds = 0 } = await this.write<{
      client_token: string;
      lease_duration?: number;
    }>(`auth/${mount}/login`, { role, jwt: jwt.reveal() });
    return { client: this.withToken(new Secret(token)), seconds };
  }

  /** The client of a `login`. */
  async loginJwt(mount: string, role: string, jwt: Secret): Promise<VaultClient> {
    return (await this.login(mount, role, jwt)).client;
  }

  /** Ends the connections, those of clients made by `withToken` and logins too. */
  async close(): Promise<void> {
    await this.#dispatcher.close();
  }

  async #call(method: "GET" | "POST" | "DELETE", path: string, body?: object): Promise<unknown> {
    const bare = path.split("?", 1)[0] ?? path;
    for (let attempt = 1; ; attempt++) {
      const { status, text, headers } = await this.#send({ method, path, bare }, body);
      if (status < 300) return text === "" ? {} : answer(text, { status, method, path: bare });
      const pause = status === 429 ? retryPause(headers["retry-after"], Date.now()) : undefined;
      if (pause === undefined || attempt === TURNED_AWAY) {
        const clock = bare.endsWith("/login") ? clockNote(headers.date, Date.now()) : undefined;
        const errors = [...errorsOf(text), ...(clock === undefined ? [] : [clock])];
        throw await this.#failure(new VaultError({ status, errors, method, path: bare }));
      }
      await delay(pause);
    }
  }

  async #send(
    { method, path, bare }: { method: "GET" | "POST" | "DELETE"; path: string; bare: string },
    body: object | undefined,
  ): Promise<{ status: number; text: string; headers: Dispatcher.ResponseData["headers"] }> {
    try {
      const response = await request(new URL(`/v1/${path}`, this.address), {
        method,
        dispatcher: this.#dispatcher,
        headersTimeout: method === "GET" ? READ_MS : WRITE_MS,
        bodyTimeout: method === "GET" ? READ_MS : WRITE_MS,
        headers: {
          "x-vault-request": "true",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(this.#token === undefined ? {} : { "x-vault-token": this.#token.reveal() }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.statusCode, text: await response.body.text(), headers: response.headers };
    } catch (cause) {
      throw new DayzeroError(
        "VAULT_UNREACHABLE",
        `cannot ${method} ${bare} of vault at ${this.address}: ${cause instanceof Error ? cause.message : "no answer"}`,
        { cause, hint: hintFor(certificateProblem(cause)) ?? this.#hint },
      );
    }
  }

  /** A Vault of which no audit device can write answers nothing: `internal error`, and why stands in its own log only. */
  async #failure(error: VaultError): Promise<Error> {
    const isSilent = error.status === 500 && error.errors.includes("internal error");
    const problem = isSilent ? await this.#auditProblem?.() : undefined;
    if (problem === undefined) return error;
    return new DayzeroError(
      "VAULT_AUDIT_BLOCKED",
      `cannot ${error.method} ${error.path} of vault at ${this.address}: ${problem}, and it answers nothing that it cannot write to its audit log`,
      { cause: error, hint: "make room on that disk: Vault then answers by itself, and what waits for it goes on" },
    );
  }
}

/** What to do about a certificate that is not accepted; `undefined` when it is not that. */
function hintFor(problem: ReturnType<typeof certificateProblem>): string | undefined {
  switch (problem) {
    case "time":
      return COMPARE_CLOCKS;
    case "untrusted":
      return "if vault's certificate was changed on purpose, name the CA that signed it (config.dayzero:vault.ca); if not, somebody may be in between";
    case undefined:
      return undefined;
  }
}

function connect({ ca }: VaultClientOptions): Agent {
  if (ca === undefined) trustSystemRoots();
  return new Agent({ allowH2: false, connect: { ...(ca === undefined ? {} : { ca }), timeout: CONNECT_MS } });
}

function answer(text: string, request: { status: number; method: string; path: string }): unknown {
  const body = parse(text);
  if (typeof body !== "object" || body === null) throw new VaultError({ ...request, errors: ["the body is not JSON"] });
  const { data, auth } = body as { data?: unknown; auth?: unknown };
  return data ?? auth ?? body;
}

function errorsOf(text: string): string[] {
  const errors = (parse(text) as { errors?: unknown } | undefined)?.errors;
  return Array.isArray(errors) ? errors.filter((error) => typeof error === "string") : [];
}

/** `undefined` for what is not JSON: a parser's message would quote the text. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof VaultError && error.status === 404;
}
