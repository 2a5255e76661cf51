import { once } from "node:events";
import {
  type ClientRequest,
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { type AddressInfo, createServer, type Socket, type Server as TcpServer } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { createAuthority, issueCertificate } from "../../src/machine/issueCertificate.ts";

/** One request that came to a shim. */
export interface Call {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Milliseconds of `performance.now()`, when its head had come. */
  readonly at: number;
  readonly from: Readonly<Record<string, string | string[] | undefined>>;
  /** Whether the server behind the shim was given all of it. */
  passed: boolean;
  /** What the server answered; undefined when it was not asked, or did not. */
  status?: number;
  /** What was done to it. */
  fault?: Fault["kind"];
}

/** What a shim does to a request instead of passing it on and its answer back. */
export type Fault =
  /** The connection is reset, and the server never hears of it. */
  | { readonly kind: "before" }
  /** The server gets a part of the request; then both connections are reset. */
  | { readonly kind: "middle" }
  /** The server has done it; its answer is lost, and the connection reset. */
  | { readonly kind: "after" }
  /** Half of the server's answer comes, then a reset. */
  | { readonly kind: "torn" }
  /** Answered by the shim; the server never hears of it. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The server's answer begins late, and goes on byte by byte. */
  | { readonly kind: "slow"; readonly firstByteMs: number; readonly byteMs: number }
  /** The server has done it; what it answered is held back until what is called then comes to its end. */
  | { readonly kind: "hold"; readonly until: () => Promise<unknown> };

interface Certificate {
  /** PEM of the authority that clients have to trust. */
  readonly ca: string;
  readonly context: SecureContext;
}

/**
 * Stands between clients and a real HTTPS server of this machine, ends TLS with a certificate of its own, records every request, and
 * does to each what `plan` says. Nothing in it knows what the server is.
 */
export class Shim {
  readonly calls: Call[] = [];
  /** Credentials that went through it: what nothing that a client leaves behind may hold. */
  readonly secrets = new Set<string>();
  /** Chooses what is done to a request; undefined passes it on. */
  plan: (call: Call) => Fault | undefined = () => undefined;
  readonly #upstream: URL;
  readonly #agent: Agent;
  readonly #tcp: TcpServer;
  readonly #http: Server;
  readonly #sockets = new Set<Socket>();
  #certificate: Certificate;

  private constructor(upstream: URL, ca: string, certificate: Certificate) {
    this.#upstream = upstream;
    this.#agent = new Agent({ ca, keepAlive: true });
    this.#certificate = certificate;
    this.#http = createHttpServer((request, response) => {
      this.#serve(request, response).catch(() => cut(request.socket));
    });
    this.#http.keepAliveTimeout = 60_000;
    this.#tcp = createServer((raw) => this.#accept(raw));
  }

  /** In front of the server at `upstream`, whose certificate is verified by `ca`. */
  static async before(upstream: string, ca: string): Promise<Shim> {
    const shim = new Shim(new URL(upstream), ca, await makeCertificate());
    shim.#tcp.listen(0, "127.0.0.1");
    await once(shim.#tcp, "listening");
    return shim;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#tcp.address() as AddressInfo).port}`;
  }

  get ca(): string {
    return this.#certificate.ca;
  }

  /** Shows another certificate to whoever connects from now on, and ends the connections of before; returns how to go back. */
  async changeCertificate(): Promise<() => void> {
    const before = this.#certificate;
    const show = (certificate: Certificate) => {
      this.#certificate = certificate;
      for (const socket of this.#sockets) socket.destroy();
    };
    show(await makeCertificate());
    return () => show(before);
  }

  /** Forgets calls and plan. */
  reset(): void {
    this.calls.length = 0;
    this.plan = () => undefined;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#tcp.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    this.#agent.destroy();
    await closed;
  }

  #accept(raw: Socket): void {
    this.#sockets.add(raw);
    raw.once("close", () => this.#sockets.delete(raw));
    raw.on("error", () => raw.destroy());
    const secure = new TLSSocket(raw, { isServer: true, secureContext: this.#certificate.context });
    raws.set(secure, raw);
    secure.on("error", () => raw.destroy());
    this.#http.emit("connection", secure);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url: path = "", headers } = request;
    const call: Call = { method, path, at: performance.now(), from: headers, passed: false };
    this.calls.push(call);
    const fault = this.plan(call);
    if (fault !== undefined) call.fault = fault.kind;
    const body = await read(request);
    this.#remember(headers, body);
    switch (fault?.kind) {
      case "before":
        return cut(request.socket);
      case "answer":
        response.writeHead(fault.status, fault.headers).end(fault.body);
        return;
      case "middle":
        await this.#passPart(request, body);
        return cut(request.socket);
      default:
        return this.#pass(call, request, body, response, fault);
    }
  }

  /** The head, half of the body, and the end of the connection. */
  async #passPart(request: IncomingMessage, body: Buffer): Promise<void> {
    // More is announced than comes: of a request without a body the server would else have all.
    const upstream = this.#request(request, body.length + 1);
    const failed = once(upstream, "close");
    upstream.on("error", () => undefined);
    await Promise.race([failed, new Promise((written) => upstream.write(body.subarray(0, body.length >> 1), written))]);
    upstream.destroy();
  }

  async #pass(
    call: Call,
    request: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
    fault: Extract<Fault, { kind: "after" | "torn" | "slow" | "hold" }> | undefined,
  ): Promise<void> {
    const upstream = this.#request(request, body.length);
    response.once("close", () => upstream.destroy());
    upstream.end(body);
    call.passed = true;
    const [answer] = (await once(upstream, "response")) as [IncomingMessage];
    call.status = answer.statusCode ?? 0;
    if (fault === undefined) {
      response.writeHead(call.status, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.once("error", () => cut(request.socket));
      return;
    }
    const bytes = await read(answer);
    this.#remember({}, bytes);
    if (fault.kind === "after") return cut(request.socket);
    if (fault.kind === "hold") await fault.until();
    if (fault.kind === "slow") await pause(fault.firstByteMs);
    const { "transfer-encoding": _, ...headers } = answer.headers;
    response.writeHead(call.status, { ...headers, "content-length": bytes.length });
    if (fault.kind === "hold") {
      response.end(bytes);
      return;
    }
    if (fault.kind === "torn") {
      await new Promise((resolve) => response.write(bytes.subarray(0, bytes.length >> 1), resolve));
      return cut(request.socket);
    }
    for (const byte of bytes) {
      if (response.destroyed) return;
      response.write(Buffer.of(byte));
      await pause(fault.byteMs);
    }
    response.end();
  }

  #request({ method, url, headers }: IncomingMessage, length: number): ClientRequest {
    const { "transfer-encoding": _, "content-length": __, host: ___, ...others } = headers;
    const body = length === 0 ? {} : { "content-length": length };
    return httpsRequest(new URL(url ?? "/", this.#upstream), {
      method,
      agent: this.#agent,
      headers: { ...others, ...body },
    });
  }

  #remember(headers: IncomingMessage["headers"], body: Buffer): void {
    const { authorization = "", "x-vault-token": token } = headers;
    const [scheme, value = ""] = authorization.split(" ");
    const shown =
      scheme === "Basic"
        ? Buffer.from(value, "base64")
            .toString()
            .replace(/^[^:]*:/, "")
        : value;
    const spoken = body.toString("latin1").match(/"(?:jwt|token|client_token)":\s*"([^"]{16,})"/g) ?? [];
    for (const secret of [shown, token, ...spoken.map((said) => said.split('"')[3])]) {
      if (typeof secret === "string" && secret.length >= 16) this.secrets.add(secret);
    }
  }
}

const raws = new WeakMap<TLSSocket, Socket>();

/** An RST: the other side sees the connection reset, not ended. */
function cut(socket: Socket): void {
  raws.get(socket as TLSSocket)?.resetAndDestroy();
  socket.destroy();
}

async function read(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function makeCertificate(): Promise<Certificate> {
  // Valid by a clock that is off, too.
  const validity = { now: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 7_200_000) };
  const authority = await createAuthority("shim", validity);
  const leaf = { commonName: "shim", ipAddresses: ["127.0.0.1"], usages: ["server"] } as const;
  const { certificate, key } = await issueCertificate(leaf, authority, validity);
  return { ca: authority.certificate, context: createSecureContext({ cert: certificate, key: key.reveal() }) };
}
