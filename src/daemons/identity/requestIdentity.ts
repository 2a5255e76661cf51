import { request } from "node:http";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { Secret } from "../../credentials/Secret.ts";
import { socketPath } from "../../machine/socketPath.ts";

const TIMEOUT_MS = 15_000;

/**
 * A token of a service account from the stack's identity broker: for `audience`, or for the API server without one.
 *
 * Throws IDENTITY_BROKER_FAILED, with the broker's own reason where it gives one.
 */
export function requestIdentity(
  socket: string,
  account: { readonly namespace: string; readonly name: string },
  audience?: string,
): Promise<{ token: Secret; expiresAt: Date }> {
  const body = JSON.stringify({ ...account, ...(audience === undefined ? {} : { audience }) });
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: unknown) =>
      reject(
        new DayzeroError(
          "IDENTITY_BROKER_FAILED",
          `cannot get a token of service account ${account.namespace}/${account.name}: ${why}`,
          { cause, hint: "run `dayzero up`: it starts what is not running" },
        ),
      );
    const sent = request({
      socketPath: socketPath(socket),
      method: "POST",
      path: "/token",
      agent: false,
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    sent.on("error", (cause) => fail("the identity broker does not answer", cause));
    sent.on("response", async (response) => {
      try {
        let text = "";
        for await (const chunk of response) text += String(chunk);
        const answer = JSON.parse(text) as { token: string; expirationTimestamp: string; error?: string };
        if (response.statusCode === 200) {
          resolve({ token: new Secret(answer.token), expiresAt: new Date(answer.expirationTimestamp) });
        } else {
          fail(`the identity broker answered ${response.statusCode}: ${answer.error}`);
        }
      } catch {
        // Neither the text nor a parser's error, which would quote it, is told.
        fail("the identity broker's answer could not be read");
      }
    });
    sent.end(body);
  });
}
