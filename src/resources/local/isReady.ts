import { readFile } from "node:fs/promises";
import { request as plain } from "node:http";
import { request as secure } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { StackLayout } from "../../machine/StackLayout.ts";
import { socketPath } from "../../machine/socketPath.ts";
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
  if (ready.kind === "tcp") return ready.port;
  return ready.kind === "http" ? Number(new URL(ready.url).port) : undefined;
}

async function ask(ready: ReadyProbe, ctx: Context, signal: AbortSignal): Promise<boolean> {
  switch (ready.kind) {
    case "http":
      return ready.status.includes(await statusOf(ready, new StackLayout(ctx.directory), signal));
    case "tcp":
      return connects({ host: "127.0.0.1", port: ready.port }, signal);
    case "unix":
      return connects({ path: socketPath(join(ctx.directory, ready.path)) }, signal);
    case "kubernetes": {
      const kubernetes = await ctx.kubernetes();
      await kubernetes.request("GET", "/readyz", { signal });
      return true;
    }
  }
}

async function statusOf(
  ready: Extract<ReadyProbe, { kind: "http" }>,
  layout: StackLayout,
  signal: AbortSignal,
): Promise<number> {
  const { authority, client } = ready;
  const read = (file: string) => (authority === undefined ? undefined : readFile(layout.pki(authority, file)));
  const ca = await read("ca.crt");
  const [cert, key] = client === undefined ? [] : await Promise.all([read(`${client}.crt`), read(`${client}.key`)]);
  return new Promise((resolve, reject) => {
    const send = ready.url.startsWith("https:") ? secure : plain;
    const request = send(ready.url, { agent: false, signal, ...(ca && { ca }), ...(cert && key && { cert, key }) });
    request.on("error", reject);
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.end();
  });
}

function connects(to: { host: string; port: number } | { path: string }, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...to, signal });
    socket.on("error", () => resolve(false));
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
