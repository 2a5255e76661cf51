import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { KubernetesClient, type KubernetesCredential } from "../../../src/clients/KubernetesClient.ts";
import { Secret } from "../../../src/credentials/Secret.ts";
import { waitFor } from "../../support/waitFor.ts";

interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Record<string, string>;
  /** Sent instead of the body; "cut" ends the connection in its midst. */
  readonly raw?: string;
}

let server: Server;
let url: string;
let seen: string[];
let answer: (path: string, request: IncomingMessage) => Answer;
const clients: KubernetesClient[] = [];

beforeEach(async () => {
  seen = [];
  answer = () => ({ status: 404, body: {} });
  server = createServer((request, response) => {
    const path = request.url ?? "";
    seen.push(`${request.method} ${path} ${request.headers.authorization ?? ""}`.trim());
    const { status, body, headers, raw } = answer(path, request);
    if (raw === "cut") {
      response.writeHead(status).write("{", () => response.destroy());
      return;
    }
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(raw ?? JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function clientWith(credential: () => Promise<KubernetesCredential>): KubernetesClient {
  const client = new KubernetesClient({ server: url, ca: undefined, credential });
  clients.push(client);
  return client;
}

function tokens(...values: (KubernetesCredential & { name: string })[]): () => Promise<KubernetesCredential> {
  let next = 0;
  return async () => {
    const value = values[Math.min(next++, values.length - 1)];
    return { ...value, token: new Secret(value?.name ?? "") };
  };
}

/** The connections to the server that are open. */
function openSockets(): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return sockets;
}

const core = { resources: [{ name: "secrets", kind: "Secret", namespaced: true }] };
const secret = { apiVersion: "v1", kind: "Secret", namespace: "default", name: "s" };

test("KubernetesClient asks for a new credential after a 401, once", async () => {
  answer = (_path, { headers }) =>
    headers.authorization === "Bearer fresh" ? { status: 200, body: { ok: true } } : { status: 401, body: {} };
  expect(await clientWith(tokens({ name: "stale" }, { name: "fresh" })).request("GET", "/x")).toEqual({ ok: true });
  expect(seen).toEqual(["GET /x Bearer stale", "GET /x Bearer fresh"]);

  seen = [];
  await expect(clientWith(tokens({ name: "stale" })).request("GET", "/x")).rejects.toMatchObject({ status: 401 });
  expect(seen).toHaveLength(2);
});

test("KubernetesClient renews a credential before it ends", async () => {
  answer = () => ({ status: 200, body: {} });
  const soon = { name: "ending", expiresAt: new Date(Date.now() + 30_000) };
  const client = clientWith(tokens(soon, { name: "next", expiresAt: new Date(Date.now() + 600_000) }));
  await client.request("GET", "/a");
  await client.request("GET", "/b");
  expect(seen.at(-1)).toBe("GET /b Bearer next");
});

test("KubernetesClient renews a token once for all requests that need it, on the connections that it has", async () => {
  answer = () => ({ status: 200, body: {} });
  const sockets = openSockets();
  let obtained = 0;
  let lifeMs = 30_000;
  const client = clientWith(async () => {
    return { token: new Secret(`t${++obtained}`), expiresAt: new Date(Date.now() + lifeMs) };
  });
  for (let count = 1; count <= 10; count++) await client.request("GET", `/${count}`);
  expect(obtained).toBe(10);
  // One that is not free yet when the next request comes gets a companion.
  expect(sockets.size).toBeLessThanOrEqual(2);

  lifeMs = 600_000;
  seen = [];
  await Promise.all(["/a", "/b", "/c", "/d", "/e"].map((path) => client.request("GET", path)));
  expect(obtained).toBe(11);
  expect(seen.filter((request) => request.endsWith("Bearer t11"))).toHaveLength(5);
});

test("KubernetesClient ends the connections of a certificate that it no longer presents", async () => {
  answer = () => ({ status: 200, body: {} });
  const sockets = openSockets();
  let obtained = 0;
  const client = clientWith(async () => ({
    certificate: `certificate ${++obtained}`,
    key: new Secret("key"),
    expiresAt: new Date(Date.now() + 30_000),
  }));
  for (const path of ["/1", "/2", "/3"]) await client.request("GET", path);
  expect(obtained).toBe(3);
  await waitFor("the earlier connections to end", () => sockets.size === 1);
  expect(await client.request("GET", "/4")).toEqual({});
});

test("KubernetesClient asks for a credential again after it could not get one", async () => {
  answer = () => ({ status: 200, body: { ok: true } });
  let asked = 0;
  const client = clientWith(async () => {
    if (++asked === 1) throw new Error("not now");
    return {};
  });
  await expect(client.request("GET", "/x")).rejects.toThrow("not now");
  expect(await client.request("GET", "/x")).toEqual({ ok: true });
});

test("KubernetesClient sends a request again that was turned away for now", async () => {
  let left = 2;
  answer = () =>
    left-- > 0 ? { status: 429, body: {}, headers: { "retry-after": "0" } } : { status: 200, body: { done: 1 } };
  expect(await clientWith(tokens({ name: "t" })).request("POST", "/x", { body: {} })).toEqual({ done: 1 });
  expect(seen).toHaveLength(3);
});

test("KubernetesClient pauses until the date that a server names, and no longer than its caller wants", async () => {
  const date = new Date(Date.now() - 1_000).toUTCString();
  let turnedAway = false;
  answer = (path) => {
    if (path === "/x" && turnedAway) return { status: 200, body: { done: 1 } };
    turnedAway = true;
    return { status: 429, body: {}, headers: { "retry-after": path === "/x" ? date : "10" } };
  };
  const client = clientWith(tokens({ name: "t" }));
  const started = performance.now();
  expect(await client.request("GET", "/x")).toEqual({ done: 1 });
  const stop = new AbortController();
  const reason = new Error("interrupted");
  const waiting = client.request("GET", "/y", { signal: stop.signal });
  await waitFor("the refusal", () => seen.some((request) => request.includes("/y")));
  stop.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  expect(performance.now() - started).toBeLessThan(5_000);
});

test("KubernetesClient.watch() fails with a KubernetesError when it breaks, and does not quote what it could not read", async () => {
  answer = (path) => (path === "/api/v1" ? { status: 200, body: core } : { status: 200, body: {}, raw: broken });
  const client = clientWith(tokens({ name: "t" }));
  let broken = '{"type":"ADDED","object":{}}\nhunter2\n';
  const events: string[] = [];
  const watch = async (): Promise<void> => {
    for await (const { type } of client.watch(secret, new AbortController().signal)) events.push(type);
  };
  const unread = (await watch().catch((error: unknown) => error)) as Error;
  expect(unread).toMatchObject({ name: "KubernetesError", reason: "Unreachable" });
  expect(`${unread.message} ${unread.cause}`).not.toContain("hunter2");
  expect(events).toEqual(["ADDED"]);

  broken = "cut";
  await expect(watch()).rejects.toMatchObject({ name: "KubernetesError", reason: "Unreachable" });
});

test("KubernetesClient never quotes the server about a Secret", async () => {
  const message = 'Secret "s" is invalid: data[password]: Invalid value: "hunter2"';
  const details = { causes: [{ field: "data[password]", reason: "FieldValueInvalid" }] };
  answer = (path) =>
    path === "/api/v1" ? { status: 200, body: core } : { status: 422, body: { reason: "Invalid", message, details } };
  const object = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "default" } };
  const error = await clientWith(tokens({ name: "t" }))
    .create(object)
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: "KubernetesError", status: 422, reason: "Invalid" });
  expect((error as Error).message).toContain("data[password] FieldValueInvalid");
  expect((error as Error).message).not.toContain("hunter2");
});

test("KubernetesClient asks again for a kind that it did not find", async () => {
  let served: object = { resources: [] };
  answer = (path) => {
    if (path === "/api/v1") return { status: 200, body: served };
    return path.startsWith("/api/v1/namespaces/default/secrets/s")
      ? { status: 200, body: { found: true } }
      : { status: 404, body: {} };
  };
  const client = clientWith(tokens({ name: "t" }));
  expect(await client.get(secret)).toBeUndefined();
  served = core;
  expect(await client.get(secret)).toEqual({ found: true });
  expect(await client.get(secret)).toEqual({ found: true });
  expect(seen.filter((request) => request.startsWith("GET /api/v1 "))).toHaveLength(2);
});

test("KubernetesClient tells a server that is not there from an object that is not there", async () => {
  const client = new KubernetesClient({ server: "http://127.0.0.1:1", ca: undefined, credential: async () => ({}) });
  clients.push(client);
  await expect(client.get(secret)).rejects.toMatchObject({ status: 0, reason: "ConnectionRefused" });
});

test("KubernetesClient takes nothing for an object that is no JSON, and does not quote it", async () => {
  answer = () => ({ status: 200, body: {}, raw: "<html>hunter2</html>" });
  const client = clientWith(tokens({ name: "t" }));
  const error = (await client.request("GET", "/api/v1/namespaces/default").catch((error: unknown) => error)) as Error;
  expect(error).toMatchObject({ name: "KubernetesError", status: 0, reason: "Unreachable" });
  expect(`${error.message} ${error.cause}`).not.toContain("hunter2");
  expect(await client.request("GET", "/readyz")).toBe("<html>hunter2</html>");
});
