import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * Passes TCP connections on to a server of this machine, TLS and all. Before anything that the server answered is passed back,
 * `first` runs to its end: what it does happens between an answer and whatever the client does about it.
 */
export class DelayedAnswers {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number, first: () => Promise<void>) {
    this.#server = createServer((client) => {
      const upstream = connect(port, "127.0.0.1");
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => other.destroy());
      }
      client.pipe(upstream);
      let passed = Promise.resolve();
      upstream.on("data", (chunk) => {
        passed = passed.then(first).then(() => void client.write(chunk));
      });
    });
  }

  static async start(port: number, first: () => Promise<void>): Promise<DelayedAnswers> {
    const proxy = new DelayedAnswers(port, first);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
