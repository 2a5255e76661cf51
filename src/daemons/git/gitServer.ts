import { access, readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { isAbsolute, join } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { failureOf } from "../../config/failureOf.ts";
import { fingerprintOf } from "../../issuers/fingerprintOf.ts";
import { GIT_USERNAME } from "../../issuers/gitUsername.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { fetchJwks } from "./fetchJwks.ts";
import type { GitServerConfiguration } from "./GitServerConfiguration.ts";
import { JwksCache, JwksUnavailable } from "./JwksCache.ts";
import { type GitRequest, parseGitRequest } from "./parseGitRequest.ts";
import { REQUEST_LIMIT_BYTES, runGitBackend } from "./runGitBackend.ts";
import { verifyGitToken } from "./verifyGitToken.ts";

const HEADERS_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 120_000;
/** The whole of one request, the transfer of a large pack included. */
const REQUEST_TIMEOUT_MS = 15 * 60_000;
const STOP_GRACE_MS = 3_000;
const CONNECTIONS = 64;

/** One line of the access log. Tokens are told by fingerprint and key id only. */
export interface AccessLine {
  readonly time: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
  bytes?: number;
  refused?: string;
  failed?: string;
  token?: string;
  kid?: string;
}

export interface ServeGitOptions {
  /** The stack's state folder. */
  readonly directory: string;
  /** Aborted to stop: requests under way get three seconds. */
  readonly signal: AbortSignal;
  /** Where the access log goes, one JSON document a line; standard output by default. */
  readonly log?: (line: string) => void;
  readonly now?: () => Date;
}

/**
 * Serves bare repositories read-only over HTTPS on 127.0.0.1 to whoever holds a token of the configured issuer: the
 * stand-in for a forge on one machine. Configured by etc/git-server.json ({@link GitServerConfiguration}).
 *
 * Resolves once stopped; rejects with GIT_SERVER_FAILED when it cannot start.
 */
export async function serveGit(options: ServeGitOptions): Promise<void> {
  const layout = new StackLayout(options.directory);
  const within = (path: string) => (isAbsolute(path) ? path : join(options.directory, path));
  const config = JSON.parse(await readFile(layout.etc("git-server.json"), "utf8")) as GitServerConfiguration;
  const [certificate, key, ca] = await Promise.all(
    [config.tls.certificate, config.tls.key, config.oidc.ca].map((path) => readFile(within(path), "utf8")),
  );
  const now = options.now ?? (() => new Date());
  const stopping = new AbortController();
  const serving: Serving = {
    config,
    repositories: within(config.repositories),
    home: layout.home,
    keys: new JwksCache({ fetch: () => fetchJwks(config.oidc.jwksUri, ca ?? ""), now: () => now().getTime() }),
    now,
    stopping: stopping.signal,
  };
  const log = options.log ?? ((line: string) => process.stdout.write(`${line}\n`));

  const server = createServer({ cert: certificate, key, minVersion: "TLSv1.2" }, (request, response) => {
    void answer(request, response, serving).then(
      (line) => line === undefined || log(JSON.stringify(line)),
      (error: unknown) => {
        response.destroy();
        log(JSON.stringify({ time: now().toISOString(), failed: failureOf(error).message }));
      },
    );
  });
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = IDLE_TIMEOUT_MS;
  server.maxConnections = CONNECTIONS;
  server.setTimeout(IDLE_TIMEOUT_MS);

  await new Promise<void>((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(
        new DayzeroError("GIT_SERVER_FAILED", `cannot serve Git on 127.0.0.1:${config.port}`, {
          cause,
          hint: "look which process holds the port, or run `dayzero up`, which chooses another when none of its own does",
        }),
      );
    const stop = () => {
      server.close(() => resolve());
      server.closeIdleConnections();
      setTimeout(() => {
        stopping.abort(new Error("the server stops"));
        server.closeAllConnections();
      }, STOP_GRACE_MS).unref();
    };
    server.once("error", fail);
    server.listen(config.port, "127.0.0.1", () => {
      server.off("error", fail);
      if (options.signal.aborted) stop();
      else options.signal.addEventListener("abort", stop, { once: true });
    });
  });
}

interface Serving {
  readonly config: GitServerConfiguration;
  readonly repositories: string;
  readonly home: string;
  readonly keys: JwksCache;
  readonly now: () => Date;
  readonly stopping: AbortSignal;
}

/** Answers one request; the line to log, or undefined for the health check. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  serving: Serving,
): Promise<AccessLine | undefined> {
  const started = serving.now();
  const method = request.method ?? "";
  const target = request.url ?? "";
  const asked = parseGitRequest(method, target);
  if (asked.kind === "health") {
    response.writeHead(200, { "content-length": 0 }).end();
    return undefined;
  }
  const details = await (asked.kind === "refused"
    ? refuse(request, response, asked.status, asked.reason)
    : fetchFrom(asked, request, response, serving));
  return {
    time: started.toISOString(),
    method,
    path: target.slice(0, 512),
    status: response.statusCode,
    milliseconds: serving.now().getTime() - started.getTime(),
    ...details,
  };
}

type Details = Pick<AccessLine, "bytes" | "refused" | "failed" | "token" | "kid">;

async function fetchFrom(
  asked: Extract<GitRequest, { kind: "fetch" }>,
  request: IncomingMessage,
  response: ServerResponse,
  serving: Serving,
): Promise<Details> {
  const credential = basicCredential(request.headers.authorization);
  if (credential === undefined) return refuse(request, response, 401, "no-credential");
  const details: Details = { token: fingerprintOf(credential.password) };
  if (credential.username !== GIT_USERNAME) return { ...details, ...refuse(request, response, 401, "username") };
  try {
    const policy = { ...serving.config.oidc, repository: asked.repository };
    const verdict = await verifyGitToken(credential.password, policy, { keys: serving.keys, now: serving.now() });
    if (verdict.kid !== undefined) details.kid = verdict.kid;
    if (!verdict.accepted) return { ...details, ...refuse(request, response, 401, `token-${verdict.refusal}`) };
  } catch (error) {
    if (error instanceof JwksUnavailable) return { ...details, ...refuse(request, response, 503, "keys-unavailable") };
    throw error;
  }
  const exists = await access(join(serving.repositories, `${asked.repository}.git`, "HEAD")).then(
    () => true,
    () => false,
  );
  if (!exists) return { ...details, ...refuse(request, response, 404, "no-such-repository") };
  const wrong = checkBody(asked, request);
  if (wrong !== undefined) return { ...details, ...refuse(request, response, wrong.status, wrong.reason) };
  const { bytes, failure } = await runGitBackend({
    git: serving.config.git,
    repositories: serving.repositories,
    home: serving.home,
    pathInfo: asked.pathInfo,
    query: asked.query,
    request,
    response,
    signal: AbortSignal.any([serving.stopping, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
  });
  return { ...details, bytes, ...(failure === undefined ? {} : { failed: failure }) };
}

function checkBody(
  asked: Extract<GitRequest, { kind: "fetch" }>,
  { headers }: IncomingMessage,
): { status: number; reason: string } | undefined {
  if (asked.step === "references") return undefined;
  if (headers["content-type"] !== "application/x-git-upload-pack-request")
    return { status: 415, reason: "content-type" };
  if (!/^(identity|(x-)?gzip)$/.test(headers["content-encoding"] ?? "identity")) {
    return { status: 415, reason: "content-encoding" };
  }
  if (Number(headers["content-length"] ?? 0) > REQUEST_LIMIT_BYTES) return { status: 413, reason: "request-too-large" };
  return undefined;
}

/** Says why in one word; a body that was announced is not waited for. */
function refuse(request: IncomingMessage, response: ServerResponse, status: number, reason: string): Details {
  response.writeHead(status, {
    "content-type": "text/plain",
    "cache-control": "no-store",
    ...(status === 401 ? { "www-authenticate": 'Basic realm="dayzero", charset="UTF-8"' } : {}),
    ...(status === 503 ? { "retry-after": "1" } : {}),
    ...(request.method === "GET" ? {} : { connection: "close" }),
  });
  response.end(`${reason}\n`);
  return { refused: reason };
}

/** RFC 7617; undefined for anything else. */
function basicCredential(header: string | undefined): { username: string; password: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
