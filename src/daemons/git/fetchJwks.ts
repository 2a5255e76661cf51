import { request } from "node:https";
import type { JSONWebKeySet } from "jose";

const TIMEOUT_MS = 5_000;
const LIMIT_BYTES = 256 * 1024;

/** GETs a JSON Web Key Set (RFC 7517) over TLS, trusting `ca` (PEM) alone. Follows no redirect. */
export function fetchJwks(uri: string, ca: string): Promise<JSONWebKeySet> {
  return new Promise((resolve, reject) => {
    const asked = request(uri, { ca, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("error", reject);
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > LIMIT_BYTES) response.destroy(new Error(`more than ${LIMIT_BYTES} bytes from ${uri}`));
        else chunks.push(chunk);
      });
      response.on("end", () => {
        if (response.statusCode !== 200) return reject(new Error(`${response.statusCode} from ${uri}`));
        try {
          const set = JSON.parse(Buffer.concat(chunks).toString("utf8")) as JSONWebKeySet;
          if (!Array.isArray(set.keys)) throw new Error("no keys in it");
          resolve(set);
        } catch (cause) {
          reject(new Error(`no key set at ${uri}`, { cause }));
        }
      });
    });
    asked.on("error", reject);
    asked.end();
  });
}
