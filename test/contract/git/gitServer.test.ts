import { createPublicKey, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { connect } from "node:tls";
import { gzipSync } from "node:zlib";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { git, LocalForge, PERSON } from "./LocalForge.ts";

const REFERENCES = "/fleet.git/info/refs?service=git-upload-pack";

let forge: LocalForge;
let work: string;
let revision: string;

beforeAll(async () => {
  forge = await LocalForge.create();
  work = join(forge.layout.directory, "work");
  const bare = forge.layout.repository("fleet");
  await git(["init", "-q", "--bare", "-b", "main", bare]);
  await git(["clone", "-q", bare, work]);
  await writeFile(join(work, "app.yaml"), "kind: ConfigMap\n");
  // Random, so that it stays 20 MB in a pack.
  await writeFile(join(work, "large.bin"), randomBytes(20 * 1024 * 1024));
  await git(["add", "-A"], { cwd: work });
  await git(["commit", "-qm", "one"], { cwd: work });
  await git(["push", "-q", "origin", "HEAD:main"], { cwd: work });
  await git(["clone", "-q", "--bare", bare, forge.layout.repository("other")]);
  revision = await git(["rev-parse", "HEAD"], { cwd: work });
  await forge.serve();
});

afterAll(() => forge?.dispose());

beforeEach(() => {
  forge.log.length = 0;
});

async function folder(): Promise<string> {
  return join(await mkdtemp(join(forge.layout.directory, "clone-")), "fleet");
}

async function clone(options: { token?: string; extra?: string[]; repository?: string } = {}): Promise<string> {
  const { args, env } = await forge.client(options.token ?? (await forge.token()));
  const into = await folder();
  await git([...args, "clone", "-q", ...(options.extra ?? []), forge.url(options.repository), into], { env });
  return into;
}

/** The one line of the access log about a request that carried a token. */
function lastLine() {
  const line = forge.log.at(-1);
  if (line === undefined) throw new Error("no request arrived at the Git server");
  return line;
}

describe("a holder of a good token", () => {
  test("clones 20 MB, and the log names the token without telling it", async () => {
    const token = await forge.token();
    const into = await clone({ token });
    expect(await git(["rev-parse", "HEAD"], { cwd: into })).toBe(revision);
    expect((await stat(join(into, "large.bin"))).size).toBe(20 * 1024 * 1024);
    expect(forge.log.map(({ method, status, refused }) => [method, status, refused])).toEqual([
      ["GET", 401, "no-credential"],
      ["GET", 200, undefined],
      ["POST", 200, undefined],
      ["POST", 200, undefined],
    ]);
    expect(lastLine()).toMatchObject({ kid: "key-1", token: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(lastLine().bytes).toBeGreaterThan(20 * 1024 * 1024);
    const [, payload = "-", signature = "-"] = token.split(".");
    expect(JSON.stringify(forge.log)).not.toContain(signature);
    expect(JSON.stringify(forge.log)).not.toContain(payload);
  });

  test.each(["0", "2"])("speaks protocol version %s", async (version) => {
    const { args, env } = await forge.client(await forge.token());
    const said = await git([...args, "-c", `protocol.version=${version}`, "ls-remote", forge.url(), "main"], { env });
    expect(said).toBe(`${revision}\trefs/heads/main`);
  });

  test("fetches shallow, and then more, with requests that are gzipped", async () => {
    for (let count = 0; count < 40; count++) {
      await git(["commit", "-q", "--allow-empty", "-m", `commit ${count}`], { cwd: work });
    }
    await git(["push", "-q", "origin", "HEAD:main"], { cwd: work });
    const into = await clone({ extra: ["--depth=1", "--filter=blob:limit=1m", "--no-checkout"] });
    const { args, env } = await forge.client(await forge.token());
    await git([...args, "fetch", "-q", "--unshallow"], { cwd: into, env });
    expect(await git(["rev-list", "--count", "HEAD"], { cwd: into })).toBe("41");

    // git gzips only long requests: one of our own shows that such a body is understood.
    const body = gzipSync("0014command=ls-refs\n0000");
    const { Agent, request } = await import("undici");
    const dispatcher = new Agent({ allowH2: false, connect: { ca: forge.ca } });
    const answer = await request(`${forge.url()}/git-upload-pack`, {
      method: "POST",
      dispatcher,
      headers: {
        authorization: `Basic ${Buffer.from(`oidc:${await forge.token()}`).toString("base64")}`,
        "content-type": "application/x-git-upload-pack-request",
        "content-encoding": "gzip",
        "git-protocol": "version=2",
      },
      body,
    });
    expect(answer.statusCode).toBe(200);
    expect(await answer.body.text()).toContain("refs/heads/main");
    await dispatcher.destroy();
  });

  test("is not alone: eight clone at once", async () => {
    const clones = await Promise.all(Array.from({ length: 8 }, () => clone({ extra: ["--no-checkout"] })));
    for (const into of clones) expect(await git(["rev-list", "--count", "HEAD"], { cwd: into })).toMatch(/^\d+$/);
    expect(forge.log.filter(({ status }) => status === 200)).toHaveLength(8 * 3);
  });

  test("cannot push: 403, and the repository is as before", async () => {
    const token = await forge.token();
    const into = await clone({ token, extra: ["--no-checkout"] });
    const before = await git(["for-each-ref"], { cwd: forge.layout.repository("fleet") });
    await git(["commit", "-q", "--allow-empty", "-m", "mine"], { cwd: into });
    forge.log.length = 0;
    const { args, env } = await forge.client(token);
    await expect(git([...args, "push", "-q", "origin", "HEAD:main"], { cwd: into, env })).rejects.toThrow(/403/);
    expect(lastLine()).toMatchObject({ status: 403, refused: "read-only" });
    const direct = await forge.ask("/fleet.git/git-receive-pack", { method: "POST", token, body: "0000" });
    expect(direct).toMatchObject({ statusCode: 403, text: "read-only\n" });
    expect(await git(["for-each-ref"], { cwd: forge.layout.repository("fleet") })).toBe(before);
  });

  test("sees one repository, not the one beside it", async () => {
    await expect(clone({ repository: "other" })).rejects.toThrow(/Authentication failed/);
    expect(lastLine()).toMatchObject({
      status: 401,
      refused: "token-repository",
      path: expect.stringMatching(/^\/other\.git/),
    });
  });
});

describe("a bad token is refused, and its request arrived", () => {
  const second = () => Math.floor(Date.now() / 1000);
  test.each<[string, () => JWTPayload, string]>([
    ["for another audience", () => ({ aud: "vault" }), "token-audience"],
    ["of another issuer", () => ({ iss: "https://127.0.0.1:1/v1/identity/oidc" }), "token-issuer"],
    ["of another generation", () => ({ generation: "00000000-0000-4000-8000-000000000000" }), "token-generation"],
    ["that has expired", () => ({ iat: second() - 700, exp: second() - 100 }), "token-expired"],
    ["that is not yet valid", () => ({ nbf: second() + 60 }), "token-not-yet-valid"],
    ["for another repository", () => ({ repository: "other" }), "token-repository"],
    ["for the empty repository", () => ({ repository: "" }), "token-repository"],
  ])("%s", async (_what, change, refused) => {
    const answer = await forge.ask(REFERENCES, { token: await forge.token(change()) });
    expect(answer).toMatchObject({ statusCode: 401, text: `${refused}\n` });
    expect(answer.headers["www-authenticate"]).toMatch(/^Basic /);
    expect(lastLine()).toMatchObject({ status: 401, refused, method: "GET", path: REFERENCES });
    expect(
      await forge.ask("/fleet.git/git-upload-pack", {
        method: "POST",
        token: await forge.token(change()),
        body: "0000",
      }),
    ).toMatchObject({ statusCode: 401 });
  });

  test("with algorithm none", async () => {
    const answer = await forge.ask(REFERENCES, { token: new UnsecuredJWT(forge.claims()).encode() });
    expect(answer.statusCode).toBe(401);
    expect(lastLine()).toMatchObject({ refused: "token-algorithm" });
  });

  test("with HS256 keyed with the public key", async () => {
    const key = createPublicKey({ key: { ...forge.jwk }, format: "jwk" }).export({ type: "spki", format: "pem" });
    const token = await new SignJWT(forge.claims())
      .setProtectedHeader({ alg: "HS256", kid: "key-1" })
      .sign(new Uint8Array(Buffer.from(key)));
    expect((await forge.ask(REFERENCES, { token })).statusCode).toBe(401);
    expect(lastLine()).toMatchObject({ refused: "token-algorithm", kid: "key-1" });
  });

  test("signed by a key that the issuer never published", async () => {
    const { privateKey } = await generateKeyPair("ES256");
    for (const [kid, refused] of [
      ["key-1", "token-signature"],
      ["key-2", "token-key"],
    ] as const) {
      const token = await new SignJWT(forge.claims()).setProtectedHeader({ alg: "ES256", kid }).sign(privateKey);
      expect((await forge.ask(REFERENCES, { token })).statusCode).toBe(401);
      expect(lastLine()).toMatchObject({ refused, kid });
    }
  });

  test("presented under another user, or not at all", async () => {
    expect((await forge.ask(REFERENCES, { token: await forge.token(), user: "root" })).statusCode).toBe(401);
    expect(lastLine()).toMatchObject({ refused: "username" });
    expect((await forge.ask(REFERENCES)).statusCode).toBe(401);
    expect(lastLine()).toMatchObject({ refused: "no-credential" });
  });
});

describe("the issuer's keys", () => {
  test("that vanish stop working within thirty seconds, those that appear work at once", async () => {
    const token = await forge.token({ exp: Math.floor(Date.now() / 1000) + 3600 });
    expect((await forge.ask(REFERENCES, { token })).statusCode).toBe(200);
    const { publicKey } = await generateKeyPair("ES256", { extractable: true });
    const [removed] = forge.published.splice(0, 1, { ...(await exportJWK(publicKey)), kid: "key-2", alg: "ES256" });
    forge.ahead += 30_000;
    expect((await forge.ask(REFERENCES, { token })).statusCode).toBe(401);
    expect(lastLine()).toMatchObject({ refused: "token-key", kid: "key-1" });

    if (removed !== undefined) forge.published.push(removed);
    forge.ahead += 1_000;
    expect((await forge.ask(REFERENCES, { token })).statusCode).toBe(200);
    forge.ahead = 0;
  });
});

describe("what is not fetching", () => {
  /** One request exactly as written, without a client that normalises it. */
  async function raw(target: string): Promise<string> {
    const socket = connect({ host: "127.0.0.1", port: forge.port, ca: forge.ca });
    const basic = Buffer.from(`oidc:${await forge.token()}`).toString("base64");
    socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${basic}\r\nConnection: close\r\n\r\n`);
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    return text;
  }

  test.each([
    "/fleet.git/HEAD",
    "/fleet.git/config",
    "/fleet.git/objects/info/packs",
    "/fleet.git/../../pki/platform/git.key",
    "/fleet.git/..%2f..%2fpki/platform/git.key",
    "/../pki/platform/git.key",
    "/fleet.git/info/refs",
  ])("%s is refused", async (target) => {
    expect(await raw(target)).toMatch(/^HTTP\/1\.1 40[34] /);
    expect(lastLine().path).toBe(target);
  });

  test("a body of another type is refused", async () => {
    const token = await forge.token();
    const answer = await forge.ask("/fleet.git/git-upload-pack", { method: "POST", token });
    expect(answer).toMatchObject({ statusCode: 415 });
  });

  test.each([
    ["announced", 413, "request-too-large"],
    ["sent in chunks", 200, undefined],
  ])("a request that is too large is not heard out: %s", async (how, status, refused) => {
    const piece = Buffer.from("0014command=ls-refs\n".repeat(50_000));
    const pieces = 40;
    let sent = 0;
    async function* body() {
      for (; sent < pieces; sent++) yield piece;
    }
    const { Agent, request } = await import("undici");
    const dispatcher = new Agent({ allowH2: false, connect: { ca: forge.ca } });
    const answer = request(`${forge.url()}/git-upload-pack`, {
      method: "POST",
      dispatcher,
      headers: {
        authorization: `Basic ${Buffer.from(`oidc:${await forge.token()}`).toString("base64")}`,
        "content-type": "application/x-git-upload-pack-request",
        ...(how === "announced" ? { "content-length": String(piece.length * pieces) } : {}),
      },
      body: Readable.from(body()),
    });
    await answer.then(({ body }) => body.text()).catch(() => undefined);
    await expect.poll(() => forge.log.at(-1)).toMatchObject({ path: "/fleet.git/git-upload-pack", status });
    expect(lastLine().refused).toBe(refused);
    expect(sent).toBeLessThan(pieces);
    await dispatcher.destroy();
  });
});

describe("the server's process", () => {
  test("uses no configuration of the person, stays small, and stops when told to", async () => {
    const apart = await LocalForge.create();
    try {
      await git(["clone", "-q", "--bare", forge.layout.repository("fleet"), apart.layout.repository("fleet")]);
      const home = join(apart.layout.directory, "poisoned");
      const trap = join(apart.layout.directory, "trap");
      await mkdir(home);
      await writeFile(join(home, "spring"), `#!/bin/sh\necho sprung >> ${trap}\nexec "$@"\n`, { mode: 0o755 });
      const poison = `[uploadpack]\n\tpackObjectsHook = ${join(home, "spring")}\n[http]\n\tuploadpack = false\n`;
      await writeFile(join(home, ".gitconfig"), poison);
      const server = await apart.serveApart({
        ...PERSON,
        HOME: home,
        GIT_CONFIG_GLOBAL: join(home, ".gitconfig"),
        GIT_TRACE: join(apart.layout.directory, "trace"),
      });
      const { args, env } = await apart.client(await apart.token());
      for (let round = 0; round < 3; round++) {
        const into = join(await mkdtemp(join(apart.layout.directory, "clone-")), "fleet");
        await git([...args, "clone", "-q", "--no-checkout", apart.url(), into], { env });
      }
      const status = await readFile(`/proc/${server.pid}/status`, "utf8");
      const peak = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
      expect(peak).toBeLessThan(150);
      expect(await server.stop()).toBe(0);
      expect(apart.log.filter((line) => line.status === 200)).toHaveLength(9);
      expect(await readdir(apart.layout.directory)).not.toEqual(expect.arrayContaining(["trap", "trace"]));
    } finally {
      await apart.dispose();
    }
  });

  test("says what holds it up when its port is taken", async () => {
    const second = await LocalForge.create();
    try {
      const configuration = JSON.parse(await readFile(second.layout.etc("git-server.json"), "utf8")) as object;
      await writeFile(second.layout.etc("git-server.json"), JSON.stringify({ ...configuration, port: forge.port }));
      await expect(second.serve()).rejects.toMatchObject({ code: "GIT_SERVER_FAILED" });
    } finally {
      await second.dispose().catch(() => rm(second.layout.directory, { recursive: true, force: true }));
    }
  });
});
