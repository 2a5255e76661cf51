import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { relative } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import { Secret } from "../../../src/credentials/Secret.ts";
import { renewerSocket, serveRenewer } from "../../../src/daemons/renewer.ts";
import { repositorySecretState } from "../../../src/issuers/RepositorySecretState.ts";
import { repositoryCredentialResource } from "../../../src/resources/gitops/RepositoryCredentialResource.ts";
import { localContext } from "../../support/localContext.ts";
import { waitFor } from "../../support/waitFor.ts";
import { GENERATION, git, LocalForge } from "./LocalForge.ts";
import { PlatformStub } from "./PlatformStub.ts";

let forge: LocalForge;
let stub: PlatformStub;
let log: string[];
let end: AbortController;
let ended: Promise<void>;

beforeEach(async () => {
  forge = await LocalForge.create();
  await git(["init", "-q", "--bare", forge.layout.repository("fleet")]);
  await forge.serve();
  await mkdir(forge.layout.pki("kubernetes", "."), { recursive: true });
  await copyFile(forge.layout.pki("platform", "ca.crt"), forge.layout.pki("kubernetes", "ca.crt"));
  stub = await PlatformStub.start(forge);
  log = [];
  end = new AbortController();
  ended = Promise.resolve();
});

afterEach(async () => {
  end.abort();
  await ended;
  await stub.stop();
  await forge.dispose();
});

function desired() {
  return repositoryCredentialResource.inputs.parse({
    repository: "fleet",
    url: forge.url(),
    namespace: "argocd",
    generation: GENERATION,
    vaultAddress: stub.address,
    mount: "jwt-5d1f2c1e",
    oidcRole: "git-reader-fleet",
    ca: forge.ca,
  });
}

function context() {
  const credential = async () => ({ token: new Secret("administrator") });
  const client = new KubernetesClient({ server: stub.address, ca: forge.ca, credential });
  return { ...localContext(forge.layout.directory), kubernetes: async () => client };
}

async function up() {
  const ctx = context();
  const wish = desired();
  const found = await repositoryCredentialResource.read(repositoryCredentialResource.identify(wish), ctx);
  const changes = repositoryCredentialResource.plan(found, wish);
  if (found !== undefined && changes.length === 0) return { changes, live: found };
  return { changes, live: await repositoryCredentialResource.apply(changes, wish, ctx) };
}

async function serve(): Promise<void> {
  const { repository, url, namespace, vaultAddress, mount, oidcRole } = desired();
  const configuration = { server: stub.address, repository, url, namespace, vaultAddress, mount, oidcRole };
  await writeFile(forge.layout.etc("renewer.json"), JSON.stringify({ ...configuration, application: "root" }));
  ended = serveRenewer({ directory: forge.layout.directory, signal: end.signal, log: (line) => log.push(line) });
  await waitFor("the renewer", async () => (await ask("GET", "/status")).status === 200);
}

function ask(method: string, path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const socketPath = relative(process.cwd(), renewerSocket(forge.layout));
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path }, async (response) => {
      let text = "";
      for await (const chunk of response) text += String(chunk);
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> });
    });
    sent.on("error", reject);
    sent.end();
  });
}

/** Epoch, expiry and fingerprint of what is in the Secret now. */
function inPlace() {
  if (stub.secret === undefined) throw new Error("there is no Secret");
  return repositorySecretState(stub.secret);
}

function passwordInPlace(): string {
  const { password = "" } = (stub.secret?.data ?? {}) as { password?: string };
  return Buffer.from(password, "base64").toString();
}

describe("repositoryCredentialResource", () => {
  test("mints, proves and swaps in; again it changes nothing, and no output is the credential", async () => {
    const { changes, live } = await up();
    expect(changes).toEqual([{ action: "create", path: "" }]);
    expect(live).toMatchObject({ secretName: "repo-fleet", epoch: 1, due: false, generation: GENERATION });
    expect(JSON.stringify(live)).not.toContain(passwordInPlace().split(".")[2]);
    expect(stub.secret?.metadata.labels).toEqual({
      "argocd.argoproj.io/secret-type": "repository",
      "dayzero.dev/stack": "test",
    });
    const proof = stub.requests.findIndex((line) => line.startsWith("POST /api/v1/namespaces/argocd/secrets"));
    expect(stub.requests.findIndex((line) => line.includes("/identity/oidc/token/"))).toBeLessThan(proof);
    expect(forge.log.at(-1)).toMatchObject({ status: 200, token: live.fingerprint });
    expect((await up()).changes).toEqual([]);
    expect(repositoryCredentialResource.ledger?.("argocd/fleet", live)).toEqual([
      expect.objectContaining({ where: "Secret argocd/repo-fleet", expiresAt: live.expiresAt, residual: false }),
    ]);
  });

  test("goes by the token itself, not by what annotations say of it", async () => {
    await up();
    const data = { ...(stub.secret?.data as object), password: Buffer.from("not a token").toString("base64") };
    if (stub.secret !== undefined) stub.overwrite({ ...stub.secret, data });
    const healed = await up();
    expect(healed.changes.map(({ path }) => path)).toEqual(["generation", "expiresAt"]);
    expect(healed.live).toMatchObject({ epoch: 2, due: false });
  });

  test("swaps nothing in that the Git server refuses", async () => {
    forge.published.length = 0;
    await expect(up()).rejects.toMatchObject({ code: "CREDENTIAL_REFUSED" });
    expect(stub.secret).toBeUndefined();
    expect(forge.log.at(-1)).toMatchObject({ status: 401, refused: "token-key" });
  });

  test("leaves a racing writer's credential in place when that lives as long", async () => {
    await up();
    const first = stub.secret;
    const winner = await forge.token({ exp: Math.floor(Date.now() / 1000) + 900 });
    if (first === undefined) throw new Error("no Secret");
    stub.overwrite({
      ...first,
      data: { ...(first.data as object), password: Buffer.from("stale").toString("base64") },
    });
    stub.beforeWrite = () => {
      stub.beforeWrite = () => undefined;
      stub.overwrite({
        ...first,
        data: { ...(first.data as object), password: Buffer.from(winner).toString("base64") },
      });
    };
    await up();
    expect(passwordInPlace()).toBe(winner);
  });

  test("does not adopt a Secret that the stack did not make", async () => {
    await up();
    if (stub.secret !== undefined)
      stub.overwrite({ ...stub.secret, metadata: { name: "repo-fleet", namespace: "argocd" } });
    await expect(up()).rejects.toMatchObject({ code: "SECRET_NOT_OWN" });
  });
});

describe("serveRenewer()", () => {
  test("renews at two thirds of life, counts the epoch up and tells when it will again", async () => {
    stub.life = 3;
    await up();
    const before = inPlace();
    await serve();
    await waitFor("two renewals", () => inPlace().epoch >= 3, 15);
    expect(inPlace().expiresAt.getTime()).toBeGreaterThan(before.expiresAt.getTime());
    const { body } = await ask("GET", "/status");
    expect(body).toMatchObject({ failures: 0, lastError: null, fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(Date.parse(String(body.nextRenewal))).toBeLessThan(Date.parse(String(body.expiresAt)));
    expect(stub.requests).toContain("identity for vault");
    expect(log.join("\n")).not.toContain("identity-");
    expect(log.join("\n")).not.toContain(passwordInPlace().split(".")[2]);
  });

  test.each(["vaultDown", "clusterDown"] as const)("waits out an outage: %s", async (outage) => {
    stub.life = 3;
    await up();
    stub[outage] = true;
    await serve();
    await waitFor("a failure", async () => Number((await ask("GET", "/status")).body.failures) >= 2, 15);
    expect((await ask("GET", "/status")).body.lastError).toMatch(outage === "vaultDown" ? /vault answered 503/ : /500/);
    stub[outage] = false;
    stub.life = 600;
    await waitFor("the renewal", () => inPlace().epoch === 2, 15);
    await waitFor("the status", async () => (await ask("GET", "/status")).body.lastError === null);
  });

  test("annotates the Application when commits arrive, and says when it cannot", async () => {
    await up();
    await serve();
    expect((await ask("POST", "/refresh")).status).toBe(202);
    expect(stub.requests).toContain('{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"normal"}}}');
    stub.clusterDown = true;
    expect((await ask("POST", "/refresh")).status).toBe(503);
    expect((await ask("GET", "/elsewhere")).status).toBe(404);
  });
});
