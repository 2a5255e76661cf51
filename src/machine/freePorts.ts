import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below every system's range for outgoing connections, which could take a remembered port while its server is down. */
const FIRST = 10_000;
const LAST = 29_999;
const ATTEMPTS = 200;

/** Whether a server could listen on this port of 127.0.0.1 now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE" || error.code === "EACCES") resolve(false);
      else reject(error);
    });
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * `count` neighbouring loopback ports that nothing listens on and that `taken` does not name.
 *
 * They come from a random place, so that two stacks which choose at the same moment hardly ever meet.
 */
export async function freePorts(count: number, taken: ReadonlySet<number>): Promise<number[]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = randomInt(FIRST, LAST - count + 2);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    if (ports.some((port) => taken.has(port))) continue;
    if ((await Promise.all(ports.map(isPortFree))).every(Boolean)) return ports;
  }
  throw new Error(`no ${count} neighbouring free ports between ${FIRST} and ${LAST}`);
}
