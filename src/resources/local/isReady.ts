import { readFile } from "node:fs/promises";
import { request as plain } from "node:http";
import { type RequestOptions, request as secure } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import type { KubernetesClient } from "../../clients/KubernetesClient.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { socketPath } from "../../machine/socketPath.ts";
import { adminKubernetesClient } from "../cluster/adminKubernetesClient.ts";
import type { Context } from "../Resource.ts";
import type { ReadyProbe } from "./ProcessInputs.ts";

const TIMEOUT_MS = 3_000;

/** Asks one server whether it is ready, as often as wanted. */
export interface Asker {
  /** Every failure to ask is a no. */
  isReady(): Promise<boolean>;
  close(): Promise<void>;
}

type Question = (signal: AbortSignal) => Promise<boolean>;

/** Node hands all of them on to `tls.connect`. */
type Address = RequestOptions & { secureContext?: SecureContext };

/** Asks a server once. */
export async function isReady(ready: ReadyProbe, ctx: Context): Promise<boolean> {
  const asker = askerOf(ready, ctx);
  return asker.isReady().finally(() => asker.close());
}

/** What the first question needs, certificates above all, is kept for those after it: a server that starts is asked many times. */
export function askerOf(ready: ReadyProbe, ctx: Context): Asker {
  let prepared: Promise<{ ask: Question; close?: () => Promise<void> }> | undefined;
  return {
    isReady() {
      prepared ??= prepare(ready, new StackLayout(ctx.directory)).catch((error: unknown) => {
        // Not remembered: a file that is missing may come.
        prepared = undefined;
        throw error;
      });
      const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(TIMEOUT_MS)]);
      const answer = prepared.then(({ ask }) => ask(signal)).catch(() => false);
      const silence = new Promise<false>((resolve) =>
        signal.addEventListener("abort", () => resolve(false), { once: true }),
      );
      return Promise.race([answer, silence]);
    },
    async close() {
      await (await prepared?.catch(() => undefined))?.close?.();
    },
  };
}

/** The loopback port that tells readiness, if one does. */
export function readinessPort(ready: ReadyProbe): number | undefined {
  if (ready.kind === "redis") return ready.port;
  return ready.kind === "http" ? Number(new URL(ready.url).port) : undefined;
}

async function prepare(
  ready: ReadyProbe,
  layout: StackLayout,
): Promise<{ ask: Question; close?: () => Promise<void> }> {
  switch (ready.kind) {
    case "http":
      return { ask: await httpQuestion(ready, layout) };
    case "redis":
      return { ask: (signal) => answersPing(ready.port, signal) };
    case "unix": {
      const to = { socketPath: socketPath(join(layout.directory, ready.path)), path: "/healthz" };
      return { ask: async (signal) => (await statusOf(to, plain, signal)) === 200 };
    }
    case "kubernetes": {
      // Of its own: with the context's comes the Lease, which is kept in this very server.
      const kubernetes = await adminKubernetesClient(layout);
      return { ask: (signal) => saysReady(kubernetes, signal), close: () => kubernetes.close() };
    }
  }
}

async function saysReady(kubernetes: KubernetesClient, signal: AbortSignal): Promise<boolean> {
  await kubernetes.request("GET", "/readyz", { signal });
  return true;
}

async function httpQuestion(ready: Extract<ReadyProbe, { kind: "http" }>, layout: StackLayout): Promise<Question> {
  const { authority, client } = ready;
  const { hostname, port, pathname, search, protocol } = new URL(ready.url);
  const to: Address = { hostname, port, path: pathname + search };
  const send = protocol === "https:" ? secure : plain;
  if (authority !== undefined) {
    const read = (file: string) => readFile(layout.pki(authority, file));
    const ca = await read("ca.crt");
    const [cert, key] = client === undefined ? [] : await Promise.all([read(`${client}.crt`), read(`${client}.key`)]);
    to.secureContext = createSecureContext({ ca, ...(cert && key && { cert, key }) });
  }
  return async (signal) => ready.status.includes(await statusOf(to, send, signal));
}

function statusOf(to: Address, send: typeof plain | typeof secure, signal: AbortSignal): Promise<number> {
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
