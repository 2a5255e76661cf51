import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tokenCredential } from "../../../src/daemons/identity/execCredential.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { serveOnSocket } from "../../../src/machine/serveOnSocket.ts";
import { writeFileAtomic } from "../../../src/machine/writeFileAtomic.ts";

let directory: string;
let server: Server | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dz-identity-"));
  await writeFileAtomic(join(directory, "run/there"), "");
});
afterEach(async () => {
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
  await rm(directory, { recursive: true });
});

const ask = () => tokenCredential({ directory, namespace: "argocd", name: "controller" });

test("tokenCredential(), never quotes an answer that it cannot read", async () => {
  server = createServer((_request, response) => response.writeHead(200).end("eyJhbGciOiJSUzI1NiJ9.secret"));
  await new Promise<void>((resolve) => server?.listen(new StackLayout(directory).identitySocket, resolve));
  const error = await ask().then(undefined, (error: Error) => error);
  expect(error).toMatchObject({ code: "IDENTITY_BROKER_FAILED" });
  expect(inspect(error)).not.toContain("eyJ");
});

test("tokenCredential(), keeps the broker's reason", async () => {
  const handle = async () => ({ status: 403, body: { error: "service account is not on the list" } });
  const stop = await serveOnSocket(new StackLayout(directory).identitySocket, handle);
  await expect(ask()).rejects.toThrow("answered 403: service account is not on the list");
  await stop();
});

test("serveOnSocket(), takes no socket from a server that lives, and tells nothing of its own errors", async () => {
  const socket = new StackLayout(directory).identitySocket;
  const stop = await serveOnSocket(socket, () => Promise.reject(new Error("eyJhbGciOiJSUzI1NiJ9")));
  await expect(serveOnSocket(socket, async () => ({ status: 200, body: {} }))).rejects.toMatchObject({
    code: "SOCKET_TAKEN",
  });
  await expect(ask()).rejects.toThrow("answered 500: internal error");
  await stop();
});
