import { readFile } from "node:fs/promises";
import { createServer as createHttp, type IncomingMessage, type Server } from "node:http";
import { createServer, type Server as SecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { relative } from "node:path";
import type { KubernetesManifest } from "../../../src/clients/KubernetesClient.ts";
import type { LocalForge } from "./LocalForge.ts";

interface Answer {
  readonly status: number;
  readonly body: object;
}

/**
 * Speaks as much of the API server, Vault and the identity broker as the renewer asks of them, so that a test can make each of
 * them fail and race; the whole chain on the real ones is for the tests of `up`.
 */
export class PlatformStub {
  readonly requests: string[] = [];
  /** The Secret as the API server has it. */
  secret: KubernetesManifest | undefined;
  /** Life of the tokens that Vault signs, in seconds. */
  life = 600;
  vaultDown = false;
  clusterDown = false;
  /** Called before each write, to let somebody else be faster. */
  beforeWrite: () => void = () => undefined;
  address = "";
  readonly #forge: LocalForge;
  #secure: SecureServer | undefined;
  #broker: Server | undefined;
  #version = 1;

  private constructor(forge: LocalForge) {
    this.#forge = forge;
  }

  static async start(forge: LocalForge): Promise<PlatformStub> {
    const stub = new PlatformStub(forge);
    const { layout } = forge;
    const [cert, key] = await Promise.all(["git.crt", "git.key"].map((file) => readFile(layout.pki("platform", file))));
    stub.#secure = createServer({ cert, key }, (request, response) => {
      void (async () => {
        const { status, body } = await stub.#answer(request, await textOf(request));
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      })();
    });
    await new Promise<void>((resolve) => stub.#secure?.listen(0, "127.0.0.1", resolve));
    stub.address = `https://127.0.0.1:${(stub.#secure.address() as AddressInfo).port}`;
    stub.#broker = createHttp(async (request, response) => {
      const { audience } = JSON.parse(await textOf(request)) as { audience?: string };
      stub.requests.push(`identity for ${audience ?? "the API server"}`);
      const expirationTimestamp = new Date(Date.now() + 600_000).toISOString();
      response.end(JSON.stringify({ token: `identity-${audience ?? "api"}`, expirationTimestamp }));
    });
    await new Promise<void>((resolve) =>
      stub.#broker?.listen(relative(process.cwd(), layout.identitySocket), () => resolve()),
    );
    return stub;
  }

  async stop(): Promise<void> {
    this.#secure?.closeAllConnections();
    await Promise.all([this.#secure, this.#broker].map((server) => new Promise((resolve) => server?.close(resolve))));
  }

  /** Changes the Secret behind everybody's back. */
  overwrite(secret: KubernetesManifest): KubernetesManifest {
    this.secret = { ...secret, metadata: { ...secret.metadata, resourceVersion: String(++this.#version) } };
    return this.secret;
  }

  async #answer(request: IncomingMessage, text: string): Promise<Answer> {
    const { method = "", headers } = request;
    const path = (request.url ?? "").split("?")[0] ?? "";
    this.requests.push(`${method} ${path}`);
    if (path.startsWith("/v1/")) {
      if (this.vaultDown) return { status: 503, body: { errors: ["Vault is sealed"] } };
      if (path === "/v1/auth/jwt-5d1f2c1e/login") {
        const { jwt, role } = JSON.parse(text) as { jwt: string; role: string };
        return jwt === "identity-vault" && role === "git-reader"
          ? { status: 200, body: { auth: { client_token: "service-token" } } }
          : { status: 400, body: { errors: ["invalid audience"] } };
      }
      if (path !== "/v1/identity/oidc/token/git-reader-fleet") return { status: 404, body: { errors: [] } };
      if (headers["x-vault-token"] !== "service-token") return { status: 403, body: { errors: ["permission denied"] } };
      const token = await this.#forge.token({ exp: Math.floor(Date.now() / 1000) + this.life });
      return { status: 200, body: { data: { token } } };
    }
    if (this.clusterDown) return { status: 500, body: { reason: "InternalError" } };
    return this.#kubernetes(method, path, text);
  }

  #kubernetes(method: string, path: string, text: string): Answer {
    const secrets = "/api/v1/namespaces/argocd/secrets";
    const notFound = { status: 404, body: { reason: "NotFound" } };
    if (path === "/api/v1") {
      return { status: 200, body: { resources: [{ name: "secrets", kind: "Secret", namespaced: true }] } };
    }
    if (path === "/apis/argoproj.io/v1alpha1") {
      return { status: 200, body: { resources: [{ name: "applications", kind: "Application", namespaced: true }] } };
    }
    if (method === "PATCH" && path === "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/root") {
      this.requests.push(text);
      return { status: 200, body: {} };
    }
    if (path.endsWith("/serviceaccounts/git-reader/token")) {
      const expirationTimestamp = new Date(Date.now() + 600_000).toISOString();
      return { status: 201, body: { status: { token: "identity-vault", expirationTimestamp } } };
    }
    if (method === "GET" && path === `${secrets}/repo-fleet`) {
      return this.secret === undefined ? notFound : { status: 200, body: this.secret };
    }
    if (method === "POST" && path === secrets) {
      this.beforeWrite();
      if (this.secret !== undefined) return { status: 409, body: { reason: "AlreadyExists" } };
      return { status: 201, body: this.overwrite(JSON.parse(text) as KubernetesManifest) };
    }
    if (method === "PUT" && path === `${secrets}/repo-fleet`) {
      this.beforeWrite();
      const next = JSON.parse(text) as KubernetesManifest;
      if (next.metadata.resourceVersion !== this.secret?.metadata.resourceVersion) {
        return { status: 409, body: { reason: "Conflict" } };
      }
      return { status: 200, body: this.overwrite(next) };
    }
    return notFound;
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}
