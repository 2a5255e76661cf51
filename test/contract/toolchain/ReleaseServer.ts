import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A real HTTP server that stands in for a release host: serves files with Range, or misbehaves as a test says. */
export class ReleaseServer {
  readonly requests: { path: string; range: string | undefined }[] = [];
  readonly #handlers = new Map<string, Handler[]>();
  readonly #files = new Map<string, Buffer>();
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));

  static async start(): Promise<ReleaseServer> {
    const started = new ReleaseServer();
    await new Promise<void>((resolve) => started.#server.listen(0, "127.0.0.1", resolve));
    return started;
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  file(path: string, content: Buffer | string): void {
    this.#files.set(path, Buffer.from(content));
  }

  /** The next request for `path` is answered by `handler`; later ones normally again. */
  once(path: string, handler: Handler): void {
    this.#handlers.set(path, [...(this.#handlers.get(path) ?? []), handler]);
  }

  count(path: string): number {
    return this.requests.filter((request) => request.path === path).length;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    this.requests.push({ path, range: request.headers.range });
    const handler = this.#handlers.get(path)?.shift();
    if (handler) {
      handler(request, response);
      return;
    }
    const content = this.#files.get(path);
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (from > 0 && from >= content.length) {
      response.writeHead(416).end();
      return;
    }
    response.writeHead(from > 0 ? 206 : 200, { "content-length": content.length - from }).end(content.subarray(from));
  }
}

/** Sends the first half of `content`, and calls `then` once it has left. */
export function sendHalf(response: ServerResponse, content: string, then: () => void): void {
  response.writeHead(200, { "content-length": content.length });
  response.write(content.slice(0, Math.floor(content.length / 2)), then);
}
