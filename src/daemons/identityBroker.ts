import { chmod, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { DayzeroError } from "../config/DayzeroError.ts";
import { StackLayout } from "../machine/StackLayout.ts";
import { socketPath } from "../machine/socketPath.ts";
import { type TokenGrant, TokenIssuer, TokenRefused } from "./TokenIssuer.ts";

/** `etc/identity-broker.json`. */
export interface IdentityBrokerConfiguration {
  /** URL of the API server. */
  server: string;
  allow: TokenGrant[];
}

/** A request names two names and an audience. */
const BODY_LIMIT = 4_096;

/**
 * Stands in for the kubelet on a machine that runs none: gives the controllers of this stack short-lived tokens of their own
 * service accounts.
 *
 * `POST /token {namespace, name, audience?, expirationSeconds?}` on the socket run/identity.sock (0600, in a folder that only
 * its user enters) answers `{token, expirationTimestamp}`: 403 for what its configuration does not list, 502 when the API
 * server refuses. Ends, having removed its socket, when `signal` aborts.
 */
export async function serveIdentityBroker(options: { directory: string; signal: AbortSignal }): Promise<void> {
  const { directory, signal } = options;
  const layout = new StackLayout(directory);
  const text = await readFile(layout.etc("identity-broker.json"), "utf8");
  const issuer = new TokenIssuer({ directory, ...(JSON.parse(text) as IdentityBrokerConfiguration) });
  const path = socketPath(layout.identitySocket);
  await removeStale(path);
  const server = createServer((request, response) => void answer(request, response, issuer));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  // Closing unlinks the socket; answers under way are finished.
  server.closeIdleConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** A broker that was killed leaves its socket; one that lives keeps it. */
async function removeStale(path: string): Promise<void> {
  const lives = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
  if (lives) throw new DayzeroError("SOCKET_TAKEN", `cannot listen on ${path}: an identity broker answers there`);
  await rm(path, { force: true });
}

async function answer(request: IncomingMessage, response: ServerResponse, issuer: TokenIssuer): Promise<void> {
  const { status, body } = await handle(request, issuer).catch((error: unknown) => failure(error));
  const headers = { "content-type": "application/json", "cache-control": "no-store", connection: "close" };
  response.writeHead(status, headers).end(JSON.stringify(body));
}

async function handle(request: IncomingMessage, issuer: TokenIssuer): Promise<{ status: number; body: object }> {
  if (request.method !== "POST" || request.url !== "/token") return { status: 404, body: { error: "not found" } };
  const { namespace, name, audience, expirationSeconds = 600 } = await readJson(request);
  if (typeof namespace !== "string" || typeof name !== "string")
    throw new TokenRefused(400, "namespace and name are needed");
  if (audience !== undefined && typeof audience !== "string") throw new TokenRefused(400, "audience is not a string");
  if (typeof expirationSeconds !== "number") throw new TokenRefused(400, "expirationSeconds is not a number");
  const { token, expiresAt } = await issuer.token({ namespace, name, audience, expirationSeconds });
  return { status: 200, body: { token: token.reveal(), expirationTimestamp: expiresAt.toISOString() } };
}

function failure(error: unknown): { status: number; body: object } {
  if (error instanceof TokenRefused) return { status: error.status, body: { error: error.message } };
  process.stderr.write(`identity-broker: ${String(error)}\n`);
  return { status: 502, body: { error: String(error) } };
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > BODY_LIMIT) throw new TokenRefused(413, "the request is too long");
  }
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null) return body as Record<string, unknown>;
  } catch {
    // Said below, without quoting what was sent.
  }
  throw new TokenRefused(400, "the request is not a JSON object");
}
