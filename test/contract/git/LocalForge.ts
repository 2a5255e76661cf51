import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { type AddressInfo, createServer as createTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import type { GitServerConfiguration } from "../../../src/daemons/git/GitServerConfiguration.ts";
import { type AccessLine, serveGit } from "../../../src/daemons/git/gitServer.ts";
import { createAuthority, issueCertificate } from "../../../src/machine/issueCertificate.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { waitFor } from "../../support/waitFor.ts";

const AUDIENCE = "dayzero/test/git/fleet";
const GENERATION = "5d1f2c1e-0000-4000-8000-000000000000";

const run = promisify(execFile);

/** What a person's git says and does in a test: nothing of this machine's configuration. */
export const PERSON = {
  PATH: process.env.PATH ?? "",
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "p",
  GIT_AUTHOR_EMAIL: "p@example.org",
  GIT_COMMITTER_NAME: "p",
  GIT_COMMITTER_EMAIL: "p@example.org",
};

export async function git(args: readonly string[], options: { cwd?: string; env?: object } = {}): Promise<string> {
  const { stdout } = await run("git", args, { maxBuffer: 1 << 28, ...options, env: { ...PERSON, ...options.env } });
  return stdout.trim();
}

async function freePort(): Promise<number> {
  const server = createTcp();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A stack's folder with certificates, an issuer that publishes keys over HTTPS, and the Git server in front of git/. */
export class LocalForge {
  readonly layout: StackLayout;
  readonly log: AccessLine[] = [];
  readonly published: JWK[] = [];
  /** Milliseconds that the Git server's clock is ahead. */
  ahead = 0;
  ca = "";
  port = 0;
  issuer = "";
  keyRequests = 0;
  /** The public key in use, as a JWK. */
  jwk: JWK = {};
  #privateKey: CryptoKey | undefined;
  #jwks: Server | undefined;
  #stop = new AbortController();
  #stopped: Promise<void> = Promise.resolve();

  private constructor(directory: string) {
    this.layout = new StackLayout(directory);
  }

  static async create(): Promise<LocalForge> {
    const forge = new LocalForge(await mkdtemp(join(tmpdir(), "dz-git-")));
    const { layout } = forge;
    for (const folder of ["etc", "git", "run", "home", "pki/platform"]) {
      await mkdir(join(layout.directory, folder), { recursive: true, mode: 0o700 });
    }
    const validity = { now: new Date(), notAfter: new Date(Date.now() + 86_400_000) };
    const authority = await createAuthority("test", validity);
    const leaf = await issueCertificate(
      { commonName: "git", dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"], usages: ["server"] },
      authority,
      validity,
    );
    forge.ca = authority.certificate;
    await writeFile(layout.pki("platform", "ca.crt"), authority.certificate);
    await writeFile(layout.pki("platform", "git.crt"), leaf.certificate);
    await writeFile(layout.pki("platform", "git.key"), leaf.key.reveal(), { mode: 0o600 });

    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    forge.#privateKey = privateKey;
    forge.jwk = { ...(await exportJWK(publicKey)), kid: "key-1", alg: "ES256", use: "sig" };
    forge.published.push(forge.jwk);
    const jwks = createServer({ cert: leaf.certificate, key: leaf.key.reveal() }, (_request, response) => {
      forge.keyRequests++;
      // What OpenBao sends: a cache that follows it would trust a removed key for two hours.
      response.setHeader("cache-control", "max-age=8225");
      response.end(JSON.stringify({ keys: forge.published }));
    });
    forge.#jwks = jwks;
    await new Promise<void>((resolve) => jwks.listen(0, "127.0.0.1", resolve));
    forge.issuer = `https://127.0.0.1:${(jwks.address() as AddressInfo).port}/v1/identity/oidc`;
    await forge.configure();
    return forge;
  }

  async configure(change: Partial<GitServerConfiguration> = {}): Promise<void> {
    this.port = await freePort();
    const configuration: GitServerConfiguration = {
      port: this.port,
      git: await run("which", ["git"]).then(({ stdout }) => stdout.trim()),
      repositories: "git",
      tls: { certificate: "pki/platform/git.crt", key: "pki/platform/git.key" },
      oidc: {
        issuer: this.issuer,
        jwksUri: `${this.issuer}/.well-known/keys`,
        ca: "pki/platform/ca.crt",
        audience: AUDIENCE,
        algorithms: ["ES256"],
        generation: GENERATION,
      },
      ...change,
    };
    await writeFile(this.layout.etc("git-server.json"), JSON.stringify(configuration));
  }

  /** Serves in this process, with a clock that can be moved. */
  async serve(): Promise<void> {
    this.#stopped = serveGit({
      directory: this.layout.directory,
      signal: this.#stop.signal,
      log: (line) => this.log.push(JSON.parse(line) as AccessLine),
      now: () => new Date(Date.now() + this.ahead),
    });
    await Promise.race([this.#stopped, this.answers()]);
  }

  /** Serves in a process of its own, with this environment; its access log goes to `log` too. */
  async serveApart(environment: NodeJS.ProcessEnv): Promise<{ pid: number; stop(): Promise<number | null> }> {
    const entry = new URL("../../../src/daemons/git/gitServer.ts", import.meta.url).href;
    const script = `
      import { serveGit } from ${JSON.stringify(entry)};
      const end = new AbortController();
      process.on("SIGTERM", () => end.abort());
      await serveGit({ directory: ${JSON.stringify(this.layout.directory)}, signal: end.signal });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      env: environment,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.log.push(JSON.parse(line) as AccessLine);
    });
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    await this.answers();
    return {
      pid: child.pid ?? 0,
      stop: () => {
        child.kill("SIGTERM");
        return ended;
      },
    };
  }

  async answers(): Promise<void> {
    await waitFor("the Git server", async () => (await this.ask("/healthz")).statusCode === 200);
  }

  url(repository = "fleet"): string {
    return `https://127.0.0.1:${this.port}/${repository}.git`;
  }

  /** One request with undici; `token` goes into the password. */
  async ask(path: string, options: { method?: "GET" | "POST"; token?: string; user?: string; body?: string } = {}) {
    const { Agent, request } = await import("undici");
    const dispatcher = new Agent({ allowH2: false, connect: { ca: this.ca } });
    try {
      const basic = Buffer.from(`${options.user ?? "oidc"}:${options.token}`).toString("base64");
      const response = await request(`https://127.0.0.1:${this.port}${path}`, {
        dispatcher,
        method: options.method ?? "GET",
        headers: {
          ...(options.token === undefined ? {} : { authorization: `Basic ${basic}` }),
          ...(options.body === undefined ? {} : { "content-type": "application/x-git-upload-pack-request" }),
        },
        body: options.body ?? null,
      });
      return { statusCode: response.statusCode, headers: response.headers, text: await response.body.text() };
    } finally {
      await dispatcher.destroy();
    }
  }

  claims(change: JWTPayload = {}): JWTPayload {
    const now = Math.floor(Date.now() / 1000);
    return {
      iss: this.issuer,
      aud: AUDIENCE,
      sub: "git-reader",
      iat: now,
      exp: now + 600,
      repository: "fleet",
      generation: GENERATION,
      ...change,
    };
  }

  async token(change: JWTPayload = {}): Promise<string> {
    if (this.#privateKey === undefined) throw new Error("no key");
    const header = { alg: "ES256", kid: this.jwk.kid ?? "" };
    return new SignJWT(this.claims(change)).setProtectedHeader(header).sign(this.#privateKey);
  }

  /** Arguments of a git that trusts this forge and presents a token, which never is in a URL or an argument. */
  async client(token: string): Promise<{ args: string[]; env: Record<string, string> }> {
    const askpass = join(this.layout.directory, "askpass");
    await writeFile(askpass, '#!/bin/sh\ncase "$1" in Username*) echo oidc;; *) echo "$TEST_TOKEN";; esac\n', {
      mode: 0o700,
    });
    return {
      args: ["-c", `http.sslCAInfo=${this.layout.pki("platform", "ca.crt")}`],
      env: { GIT_ASKPASS: askpass, TEST_TOKEN: token },
    };
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#stopped;
  }

  async dispose(): Promise<void> {
    await this.stop();
    await new Promise((resolve) => this.#jwks?.close(resolve));
    await rm(this.layout.directory, { recursive: true, force: true });
  }
}
