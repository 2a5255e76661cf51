import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { runGitBackend } from "../../src/daemons/git/runGitBackend.ts";
import { createAuthority, issueCertificate } from "../../src/machine/issueCertificate.ts";

const run = promisify(execFile);
const PERSON = {
  PATH: process.env.PATH ?? "",
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  ...Object.fromEntries(["AUTHOR", "COMMITTER"].map((who) => [`GIT_${who}_NAME`, "p"])),
  ...Object.fromEntries(["AUTHOR", "COMMITTER"].map((who) => [`GIT_${who}_EMAIL`, "p@example.org"])),
};

/** Somebody's Git server: the real `git http-backend` behind a gate that knows an old token, and what an issuer signs. */
export class GatedForge {
  readonly ca: string;
  readonly url: string;
  /** A personal access token, accepted as long as it stands here. */
  oldToken: string | undefined;
  /** How many requests were let through with which credential. */
  readonly accepted = { old: 0, oidc: 0 };
  /** What the gate verifies signed tokens by; without it none is accepted. */
  oidc: { issuer: string; audience: string; keys(): Promise<JSONWebKeySet> } | undefined;
  readonly #directory: string;
  readonly #server: Server;

  private constructor(made: { directory: string; ca: string; server: Server; url: string }) {
    this.#directory = made.directory;
    this.ca = made.ca;
    this.#server = made.server;
    this.url = made.url;
  }

  /** A repository `fleet` with one commit of these files. */
  static async create(files: Readonly<Record<string, string>>): Promise<GatedForge> {
    const directory = await mkdtemp(join(tmpdir(), "forge-"));
    const work = join(directory, "work");
    await mkdir(join(directory, "home"));
    await run("git", ["init", "--quiet", "--initial-branch=main", work], { env: PERSON });
    for (const [name, content] of Object.entries(files)) await writeFile(join(work, name), content);
    await run("git", ["add", "."], { cwd: work, env: PERSON });
    await run("git", ["commit", "--quiet", "-m", "first"], { cwd: work, env: PERSON });
    await run("git", ["clone", "--quiet", "--bare", work, join(directory, "fleet.git")], { env: PERSON });

    const validity = { now: new Date(), notAfter: new Date(Date.now() + 86_400_000) };
    const authority = await createAuthority("forge", validity);
    const leaf = await issueCertificate(
      { commonName: "git", ipAddresses: ["127.0.0.1"], usages: ["server"] },
      authority,
      validity,
    );
    let forge: GatedForge | undefined;
    const server = createServer({ cert: leaf.certificate, key: leaf.key.reveal() }, async (request, response) => {
      const basic = Buffer.from((request.headers.authorization ?? "").replace(/^Basic /, ""), "base64").toString();
      const password = basic.slice(basic.indexOf(":") + 1);
      if (!(await forge?.accepts(password))) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="forge"' }).end("refused");
        return;
      }
      const { pathname, search } = new URL(request.url ?? "/", "https://forge");
      await runGitBackend({
        git: "git",
        repositories: directory,
        home: join(directory, "home"),
        pathInfo: pathname,
        query: search.slice(1),
        request,
        response,
        signal: AbortSignal.timeout(60_000),
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/fleet.git`;
    forge = new GatedForge({ directory, ca: authority.certificate, server, url });
    return forge;
  }

  async accepts(password: string): Promise<boolean> {
    if (this.oldToken !== undefined && password === this.oldToken) {
      this.accepted.old++;
      return true;
    }
    if (this.oidc === undefined) return false;
    try {
      const { issuer, audience } = this.oidc;
      await jwtVerify(password, createLocalJWKSet(await this.oidc.keys()), { issuer, audience });
      this.accepted.oidc++;
      return true;
    } catch {
      return false;
    }
  }

  async dispose(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#directory, { recursive: true, force: true });
  }
}
