import { chmod, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { DayzeroError } from "../config/DayzeroError.ts";
import { socketPath } from "./socketPath.ts";

/** Answers one request. A rejection is answered with 500 and nothing of what it says. */
export type SocketHandler = (request: IncomingMessage) => Promise<{ status: number; body: object }>;

/**
 * Serves JSON over HTTP on a Unix socket (0600), in the place of one that a killed server left. `GET /healthz` answers 200 by itself.
 *
 * Returns how to stop: answers under way are finished, then the socket is gone. Throws SOCKET_TAKEN when something answers there.
 */
export async function serveOnSocket(socket: string, handle: SocketHandler): Promise<() => Promise<void>> {
  const path = socketPath(socket);
  await removeStale(path);
  const server = createServer(async (request, response) => {
    const { status, body } = await answer(request, handle).catch(() => ({
      status: 500,
      body: { error: "internal error" },
    }));
    // What nobody has read would keep the connection open.
    request.resume();
    const headers = { "content-type": "application/json", "cache-control": "no-store", connection: "close" };
    response.writeHead(status, headers).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return () => {
    server.closeIdleConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
}

async function answer(request: IncomingMessage, handle: SocketHandler): Promise<{ status: number; body: object }> {
  return request.method === "GET" && request.url === "/healthz" ? { status: 200, body: {} } : handle(request);
}

async function removeStale(path: string): Promise<void> {
  const lives = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
  if (lives) {
    throw new DayzeroError("SOCKET_TAKEN", `cannot listen on ${path}: another process answers there`, {
      hint: "it runs already: see `dayzero status`, and end that one first if this one is to take its place",
    });
  }
  await rm(path, { force: true });
}
