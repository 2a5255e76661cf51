import { Agent, type IncomingMessage, request } from "node:http";
import { type AgentOptions, Agent as SecureAgent, request as secureRequest } from "node:https";
import { createInterface } from "node:readline";

/** A server, and how it is spoken to. */
export interface Endpoint {
  readonly origin: string;
  readonly agent: Agent;
  readonly headers: Readonly<Record<string, string>>;
}

const POLL_MS = 20;
const WITHIN_MS = 60_000;

export function endpoint(origin: string, options: AgentOptions = {}, headers: Record<string, string> = {}): Endpoint {
  const kept = { ...options, keepAlive: true };
  return { origin, agent: origin.startsWith("https:") ? new SecureAgent(kept) : new Agent(kept), headers };
}

/** Sends JSON and returns the JSON that is answered; rejects for any status but 2xx. */
export async function call<T>(
  to: Endpoint,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<T> {
  const response = await send(to, method, path, body, headers);
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  const status = response.statusCode ?? 0;
  if (status < 200 || status > 299) throw new Error(`${method} ${to.origin}${path}: ${status} ${text.slice(0, 500)}`);
  return (text.startsWith("{") ? JSON.parse(text) : text) as T;
}

/** The documents of an answer of one line each, as they come. */
export async function* stream<T>(to: Endpoint, path: string): AsyncGenerator<T> {
  const response = await send(to, "GET", path, undefined, {});
  for await (const line of createInterface({ input: response })) yield JSON.parse(line) as T;
}

/** Asks until a server answers with 2xx, and something acceptable; rejects after a minute with what stood in the way. */
export async function answering(
  to: Endpoint,
  path: string,
  accept: (answer: unknown) => boolean = () => true,
): Promise<void> {
  const deadline = performance.now() + WITHIN_MS;
  for (;;) {
    try {
      if (accept(await call(to, "GET", path))) return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function send(
  { origin, agent, headers }: Endpoint,
  method: string,
  path: string,
  body: object | undefined,
  more: Record<string, string>,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const content = body === undefined ? {} : { "content-type": "application/json" };
    const options = { agent, method, headers: { ...content, ...headers, ...more } };
    const start = origin.startsWith("https:") ? secureRequest : request;
    const sent = start(`${origin}${path}`, options, resolve);
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
