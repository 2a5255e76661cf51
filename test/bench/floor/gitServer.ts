// The floor's own Git server: `node gitServer.ts <folder>`; reads etc/git-server.json, as the stack's does.
import { spawn } from "node:child_process";
import { createPublicKey, type JsonWebKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { join } from "node:path";
import { call, endpoint } from "./call.ts";

const KEYS_FOR_MS = 30_000;

const directory = process.argv[2] ?? "";
const read = (file: string) => readFileSync(join(directory, file), "utf8");
const { port, git, repositories, tls, oidc } = JSON.parse(read("etc/git-server.json"));
const jwks = new URL(oidc.jwksUri);
const issuer = endpoint(jwks.origin, { ca: read(oidc.ca) });
let keys: { at: number; found: Promise<{ keys: (JsonWebKey & { kid: string })[] }> } | undefined;

createServer({ cert: read(tls.certificate), key: read(tls.key), minVersion: "TLSv1.3" }, (request, response) => {
  answer(request, response).catch(() => response.writeHead(500).end());
}).listen(port, "127.0.0.1");

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === "/healthz") {
    response.writeHead(200).end();
    return;
  }
  const [, repository = "", endpoint = "", query = ""] =
    /^\/([a-z0-9-]+)\.git\/(info\/refs|git-upload-pack)(?:\?(service=git-upload-pack))?$/.exec(request.url ?? "") ?? [];
  const basic = Buffer.from(request.headers.authorization?.replace(/^Basic /, "") ?? "", "base64").toString();
  if (repository === "" || !(await isAccepted(basic.slice(basic.indexOf(":") + 1), repository))) {
    response.writeHead(401, { "www-authenticate": "Basic" }).end();
    return;
  }
  const { headers } = request;
  const backend = spawn(git, ["http-backend"], {
    stdio: ["pipe", "pipe", "ignore"],
    env: {
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_PROJECT_ROOT: join(directory, repositories),
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_PROTOCOL: String(headers["git-protocol"] ?? ""),
      REQUEST_METHOD: request.method ?? "",
      PATH_INFO: `/${repository}.git/${endpoint}`,
      QUERY_STRING: query,
      CONTENT_TYPE: headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: headers["content-encoding"] ?? "",
    },
  });
  request.pipe(backend.stdin);
  let head = Buffer.alloc(0);
  backend.stdout.on("data", (chunk: Buffer) => {
    if (response.headersSent) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    const lines = head.subarray(0, end).toString().split("\r\n");
    response.writeHead(200, Object.fromEntries(lines.map((line) => line.split(": ") as [string, string])));
    response.write(head.subarray(end + 4));
  });
  backend.stdout.on("end", () => response.end());
}

/** Signature, issuer, audience, times, repository and generation: what the stack's server asks for as well. */
async function isAccepted(token: string, repository: string): Promise<boolean> {
  const [header = "", payload = "", signature = ""] = token.split(".");
  const decode = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString() || "{}");
  const { alg, kid } = decode(header);
  const claims = decode(payload);
  if (keys === undefined || Date.now() - keys.at > KEYS_FOR_MS) {
    keys = { at: Date.now(), found: call(issuer, "GET", jwks.pathname) };
  }
  const key = (await keys.found).keys.find((one) => one.kid === kid);
  if (alg !== "ES256" || key === undefined) return false;
  const signed = Buffer.from(`${header}.${payload}`);
  const by = { key: createPublicKey({ key, format: "jwk" }), dsaEncoding: "ieee-p1363" as const };
  const now = Date.now() / 1000;
  return (
    verify("sha256", signed, by, Buffer.from(signature, "base64url")) &&
    [claims.iss, claims.aud].join() === [oidc.issuer, oidc.audience].join() &&
    [claims.repository, claims.generation].join() === [repository, oidc.generation].join() &&
    claims.iat <= now &&
    claims.exp > now
  );
}
