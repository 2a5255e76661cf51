import { readFile } from "node:fs/promises";
import { request as plain } from "node:http";
import { type RequestOptions, request as secure } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { StackLayout } from "../../machine/StackLayout.ts";
import { socketPath } from "../../machine/socketPath.ts";
import { adminKubernetesClient } from "../cluster/adminKubernetesClient.ts";
import type { Context } from "../Resource.ts";
import type { ReadyProbe } from "./ProcessInputs.ts";

const TIMEOUT_MS = 3_000;

/** Asks a server once whether it is ready; every failure to ask is a no. */
export async function isReady(ready: ReadyProbe, ctx: Context): Promise<boolean> {
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const answer = ask(ready, ctx, signal).catch(() => false);
  const silence = new Promise<false>((resolve) =>
    signal.addEventListener("abort", () => resolve(false), { once: true }),
  );
  return Promise.race([answer, silence]);
}

/** The loopback port that tells readiness, if one does. */
export function readinessPort(ready: ReadyProbe): number | undefined {
  if (ready.kind === "redis") return ready.port;
  return ready.kind === "http" ? Number(new URL(ready.url).port) : undefined;
}

async function ask(ready: ReadyProbe, ctx: Context, signal: AbortSignal): Promise<boolean> {
  switch (ready.kind) {
    case "http":
      return ready.status.includes(await httpStatus(ready, new StackLayout(ctx.directory), signal));
    case "redis":
      return answersPing(ready.port, signal);
    case "unix": {
      const socket = socketPath(join(ctx.directory, ready.path));
      return (await statusOf({ socketPath: socket, path: "/healthz" }, plain, signal)) === 200;
    }
    case "kubernetes": {
      // Of its own: with the context's comes the Lease, which is kept in this very server.
      const kubernetes = await adminKubernetesClient(new StackLayout(ctx.directory));
      try {
        await kubernetes.request("GET", "/readyz", { signal });
        return true;
      } finally {
        await kubernetes.close();
      }
    }
  }
}

async function httpStatus(
  ready: Extract<ReadyProbe, { kind: "http" }>,
  layout: StackLayout,
  signal: AbortSignal,
): Promise<number> {
  const { authority, client } = ready;
  const read = (file: string) => (authority === undefined ? undefined : readFile(layout.pki(authority, file)));
  const ca = await read("ca.crt");
  const [cert, key] = client === undefined ? [] : await Promise.all([read(`${client}.crt`), read(`${client}.key`)]);
  const { hostname, port, pathname, search, protocol } = new URL(ready.url);
  const to = { hostname, port, path: pathname + search, ...(ca && { ca }), ...(cert && key && { cert, key }) };
  return statusOf(to, protocol === "https:" ? secure : plain, signal);
}

function statusOf(to: RequestOptions, send: typeof plain | typeof secure, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = send({ ...to, agent: false, signal });
    request.on("error", reject);
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.end();
  });
}

/** Redis answers PING before a client has said its password too, if only that it wants it: the kernel alone would not. */
function answersPing(port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect({ host: "127.0.0.1", port, signal });
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(false));
    socket.on("connect", () => socket.write("PING\r\n"));
    socket.on("data", (bytes) => {
      answer += bytes.toString("latin1");
      if (!answer.includes("\r\n")) return;
      socket.destroy();
      resolve(/^(\+PONG|-NOAUTH )/.test(answer));
    });
  });
}
