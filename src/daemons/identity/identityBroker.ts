import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { failureOf } from "../../config/failureOf.ts";
import { mintClientCertificate } from "../../machine/mintClientCertificate.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { serveOnSocket } from "../../machine/serveOnSocket.ts";
import { type TokenGrant, TokenIssuer, TokenRefused } from "./TokenIssuer.ts";

/** `etc/identity-broker.json`. */
export interface IdentityBrokerConfiguration {
  /** URL of the API server. */
  server: string;
  allow: TokenGrant[];
}

/** A request names two names and an audience. */
const BODY_LIMIT = 4_096;

/**
 * Stands in for the kubelet on a machine that runs none: gives the controllers of this stack short-lived tokens of their own
 * service accounts.
 *
 * `POST /token {namespace, name, audience?, expirationSeconds?}` on the socket run/identity.sock (0600, in a folder that only
 * its user enters) answers `{token, expirationTimestamp}`: 403 for what its configuration does not list, 502 when the API
 * server refuses. Ends, having removed its socket, when `signal` aborts.
 */
export async function serveIdentityBroker(options: { directory: string; signal: AbortSignal }): Promise<void> {
  const { directory, signal } = options;
  const layout = new StackLayout(directory);
  const [configuration, ca] = await Promise.all(
    [layout.etc("identity-broker.json"), layout.pki("kubernetes", "ca.crt")].map((file) => readFile(file, "utf8")),
  );
  const { server, allow } = JSON.parse(configuration ?? "") as IdentityBrokerConfiguration;
  // The client takes 200 ms to load, which nobody has to wait for who does not ask for a token yet.
  const connected = import("../../clients/KubernetesClient.ts").then(({ KubernetesClient }) => {
    // Under a certificate of its own that it signs in memory.
    const credential = () => mintClientCertificate(directory, "identity-broker");
    const kubernetes = new KubernetesClient({ server, ca, credential });
    return { kubernetes, issuer: new TokenIssuer({ kubernetes, allow }) };
  });
  const stop = await serveOnSocket(layout.identitySocket, async (request) =>
    handle(request, (await connected).issuer).catch(failure),
  );
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await stop();
  await (await connected).kubernetes.close();
}

async function handle(request: IncomingMessage, issuer: TokenIssuer): Promise<{ status: number; body: object }> {
  if (request.method !== "POST" || request.url !== "/token") return { status: 404, body: { error: "not found" } };
  const { namespace, name, audience, expirationSeconds = 600 } = await readJson(request);
  if (typeof namespace !== "string" || typeof name !== "string")
    throw new TokenRefused(400, "namespace and name are needed");
  if (audience !== undefined && typeof audience !== "string") throw new TokenRefused(400, "audience is not a string");
  if (typeof expirationSeconds !== "number") throw new TokenRefused(400, "expirationSeconds is not a number");
  const { token, expiresAt } = await issuer.token({ namespace, name, audience, expirationSeconds });
  return { status: 200, body: { token: token.reveal(), expirationTimestamp: expiresAt.toISOString() } };
}

function failure(error: unknown): { status: number; body: object } {
  if (error instanceof TokenRefused) return { status: error.status, body: { error: error.message } };
  const { code, message } = failureOf(error);
  process.stderr.write(`identity-broker: ${message} [${code}]\n`);
  return { status: 502, body: { error: message } };
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > BODY_LIMIT) throw new TokenRefused(413, "the request is too long");
  }
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null) return body as Record<string, unknown>;
  } catch {
    // Said below, without quoting what was sent.
  }
  throw new TokenRefused(400, "the request is not a JSON object");
}
