import { spawn } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { failureOf } from "../../config/failureOf.ts";

/** Bytes of a request's body as sent (wants and haves, usually gzipped). */
export const REQUEST_LIMIT_BYTES = 32 * 1024 * 1024;
const HEAD_LIMIT_BYTES = 16 * 1024;
const STDERR_LIMIT_BYTES = 2 * 1024;

export interface BackendRun {
  readonly git: string;
  readonly repositories: string;
  /** An empty folder. */
  readonly home: string;
  readonly pathInfo: string;
  readonly query: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Ends the run, when the client takes too long or the server stops. */
  readonly signal: AbortSignal;
}

export interface BackendResult {
  readonly bytes: number;
  /** Why the answer is not whole; undefined when it is. */
  readonly failure?: string;
}

/**
 * Runs `git http-backend` as a CGI program (RFC 3875) and streams both ways; neither body is ever held in memory.
 *
 * The child sees nothing of this process's environment, and no configuration but the repository's own, of which what would
 * open more than fetching is overruled. REMOTE_USER stays unset: http-backend takes it as leave to push.
 */
export async function runGitBackend(run: BackendRun): Promise<BackendResult> {
  const { request, response } = run;
  const child = spawn(run.git, ["http-backend"], {
    cwd: run.repositories,
    env: environment(run),
    signal: run.signal,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const closed = once(child, "close").catch((error: unknown) => [error]);
  child.on("error", () => undefined);
  const gone = () => child.kill("SIGTERM");
  response.once("close", gone);

  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    if (stderr.length < STDERR_LIMIT_BYTES) stderr += chunk;
  });
  let oversized = false;
  let received = 0;
  request.on("data", (chunk: Buffer) => {
    received += chunk.length;
    if (received <= REQUEST_LIMIT_BYTES || oversized) return;
    oversized = true;
    child.kill("SIGTERM");
    if (response.headersSent) request.destroy();
  });
  // A backend that has heard enough closes its input; that is no failure, its answer counts.
  child.stdin.on("error", () => {
    request.unpipe(child.stdin);
    request.resume();
  });
  request.pipe(child.stdin);

  let bytes = 0;
  try {
    const head = await readHead(child.stdout);
    response.writeHead(head.status, head.headers);
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await pipeline(child.stdout, response, { end: false });
    const [code] = (await closed) as [number | null | Error];
    if (code !== 0) throw new Error(`git http-backend ended with ${code instanceof Error ? code.message : code}`);
    response.end();
    return { bytes };
  } catch (error) {
    child.kill("SIGTERM");
    await closed;
    if (response.headersSent) response.destroy();
    else answerFailure(response, oversized ? 413 : 500);
    const reason = oversized ? "request-too-large" : failureOf(error).message;
    return { bytes, failure: [reason, lastLine(stderr)].filter((text) => text !== "").join(": ") };
  } finally {
    response.off("close", gone);
  }
}

function environment(run: BackendRun): Record<string, string> {
  const { headers, method } = run.request;
  const pass = (name: string, value: string | undefined, allowed: RegExp) =>
    value !== undefined && allowed.test(value) ? { [name]: value } : {};
  const overruled = { "http.receivepack": "false", "http.getanyfile": "false", "http.uploadpack": "true" };
  const settings = Object.entries(overruled).flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return {
    LANG: "C.UTF-8",
    HOME: run.home,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_COUNT: String(settings.length / 2),
    ...Object.fromEntries(settings),
    GIT_PROJECT_ROOT: run.repositories,
    GIT_HTTP_EXPORT_ALL: "1",
    GATEWAY_INTERFACE: "CGI/1.1",
    REQUEST_METHOD: method ?? "GET",
    PATH_INFO: run.pathInfo,
    QUERY_STRING: run.query,
    ...pass("CONTENT_TYPE", headers["content-type"], /^[\w/.+-]{1,128}$/),
    ...pass("CONTENT_LENGTH", headers["content-length"], /^\d{1,12}$/),
    ...pass("HTTP_CONTENT_ENCODING", headers["content-encoding"], /^(x-)?gzip$/),
    ...pass("GIT_PROTOCOL", headers["git-protocol"] as string | undefined, /^version=[0-2](:[\w=-]{1,64}){0,4}$/),
  };
}

/** The CGI response's header lines; the body stays in the stream. */
async function readHead(stdout: Readable): Promise<{ status: number; headers: Record<string, string> }> {
  let seen = Buffer.alloc(0);
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    seen = Buffer.concat([seen, chunk as Buffer]);
    const end = seen.indexOf("\r\n\r\n");
    if (end >= 0) {
      const rest = seen.subarray(end + 4);
      if (rest.length > 0) stdout.unshift(rest);
      return parseHead(seen.subarray(0, end).toString("latin1"));
    }
    if (seen.length > HEAD_LIMIT_BYTES) break;
  }
  throw new Error("git http-backend gave no header");
}

function parseHead(text: string): { status: number; headers: Record<string, string> } {
  const headers: Record<string, string> = {};
  let status = 200;
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "status") status = Number.parseInt(value, 10);
    else headers[name] = value;
  }
  return { status, headers };
}

function answerFailure(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-type": "text/plain", connection: "close" });
  response.end(status === 413 ? "request-too-large\n" : "git http-backend failed\n");
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, 200) ?? "";
}
