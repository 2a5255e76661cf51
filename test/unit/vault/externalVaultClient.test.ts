import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import type { VaultLogin } from "../../../src/config/StackSpec.ts";
import { Secret } from "../../../src/credentials/Secret.ts";
import {
  type ExternalAccess,
  externalVaultClient,
  TYPED_TOKEN,
} from "../../../src/resources/vault/externalVaultClient.ts";
import { endVaultSessions } from "../../../src/resources/vault/vaultSessions.ts";

let server: Server;
let directory: string;
let requests: { path: string; token: string | undefined; body: unknown }[];
let refusal: { status: number; errors: string[] } | undefined;
let leaseSeconds: number;
let now: Date;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dayzero-login-"));
  [requests, refusal, leaseSeconds, now] = [[], undefined, 100, new Date(0)];
  server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const token = request.headers["x-vault-token"] as string | undefined;
    requests.push({ path: request.url ?? "", token, body: text === "" ? undefined : JSON.parse(text) });
    if (refusal !== undefined) {
      response.writeHead(refusal.status).end(JSON.stringify({ errors: refusal.errors }));
      return;
    }
    const auth = { client_token: `session-${logins().length}`, lease_duration: leaseSeconds };
    response.end(JSON.stringify(request.url?.endsWith("/login") ? { auth } : { data: {} }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(directory, { recursive: true });
});

function logins() {
  return requests.filter(({ path }) => path.endsWith("/login"));
}

function access(login: VaultLogin, memory: Record<string, string> = {}): ExternalAccess {
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const asked: unknown[] = [];
  const kubernetes = {
    async serviceAccountToken(of: object) {
      asked.push(of);
      return { token: new Secret(`jwt of ${JSON.stringify(of)}`), expiresAt: new Date(1) };
    },
  } as unknown as KubernetesClient;
  return {
    vault: { kind: "external", address, login },
    memory: new Map(Object.entries(memory).map(([key, value]) => [key, new Secret(value)])),
    kubernetes: async () => kubernetes,
    now: () => now,
  };
}

const tokenFile = () => join(directory, "token");
const jwt = (): VaultLogin => ({ method: "jwt", mount: "ci", role: "dayzero", tokenFile: tokenFile() });

describe("externalVaultClient()", () => {
  test("logs in with the file's token as it is then, keeps the session while it is good, and logs in anew", async () => {
    await writeFile(tokenFile(), "first\n");
    const run = access(jwt());
    const [one, other] = await Promise.all([externalVaultClient(run), externalVaultClient(run)]);
    expect(other).toBe(one);
    expect(requests).toEqual([
      { path: "/v1/auth/ci/login", token: undefined, body: { role: "dayzero", jwt: "first" } },
    ]);
    now = new Date(79_000);
    expect(await externalVaultClient(run)).toBe(one);

    now = new Date(81_000);
    await writeFile(tokenFile(), "second\n");
    await (await externalVaultClient(run)).read("sys/x");
    expect(requests.slice(1)).toEqual([
      { path: "/v1/auth/ci/login", token: undefined, body: { role: "dayzero", jwt: "second" } },
      { path: "/v1/sys/x", token: "session-2", body: undefined },
    ]);
  });

  test("logs in with a token of the service account that is named", async () => {
    const login = { method: "kubernetes", mount: "k8s/prod", role: "dayzero", serviceAccount: "ci/runner" } as const;
    await externalVaultClient(access(login));
    const body = { role: "dayzero", jwt: expect.stringMatching(/"namespace":"ci","name":"runner"/) };
    expect(requests).toEqual([{ path: "/v1/auth/k8s/prod/login", token: undefined, body }]);
  });

  test("takes the typed token for the whole run, after a look whether Vault knows it", async () => {
    const run = access({ method: "token" }, { [TYPED_TOKEN]: "typed" });
    const client = await externalVaultClient(run);
    now = new Date(1e9);
    expect(await externalVaultClient(run)).toBe(client);
    expect(requests).toEqual([{ path: "/v1/auth/token/lookup-self", token: "typed", body: undefined }]);
  });

  test("is ended with the run: every token that a login gave is revoked, the one that a person typed is not", async () => {
    await writeFile(tokenFile(), "first");
    const run = access(jwt());
    await externalVaultClient(run);
    now = new Date(81_000);
    await externalVaultClient(run);
    const typed = access({ method: "token" }, { [TYPED_TOKEN]: "typed" });
    await externalVaultClient(typed);

    await Promise.all([endVaultSessions(run.memory), endVaultSessions(typed.memory)]);

    const revoked = requests.filter(({ path }) => path === "/v1/auth/token/revoke-self");
    expect(revoked.map(({ token }) => token).sort()).toEqual(["session-1", "session-2"]);
  });

  test("names the other logins where no terminal was there to ask on", async () => {
    await expect(externalVaultClient(access({ method: "token" }))).rejects.toMatchObject({
      code: "VAULT_LOGIN_FAILED",
      hint: expect.stringContaining("jwt or kubernetes"),
    });
    expect(requests).toEqual([]);
  });

  test.each([
    ["jwt", 403, /as role "dayzero" at auth\/ci: .*not today/, /bound_audiences/],
    ["token", 403, /with the token given: .*not today/, /a token that vault knows/],
    ["token", 503, /not today/, /unsealed/],
  ])("says once and clearly that a %s login was answered with %i", async (method, status, message, hint) => {
    await writeFile(tokenFile(), "CANARY-file");
    refusal = { status, errors: ["not today"] };
    const run = access(method === "jwt" ? jwt() : { method: "token" }, { [TYPED_TOKEN]: "CANARY-typed" });
    const error = await externalVaultClient(run).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "VAULT_LOGIN_FAILED",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("CANARY");
    // Another try may do better: no failure is kept.
    refusal = undefined;
    await externalVaultClient(run);
  });

  test("names the file that holds no token", async () => {
    await expect(externalVaultClient(access(jwt()))).rejects.toThrow(`from ${tokenFile()}`);
    await writeFile(tokenFile(), " \n");
    await expect(externalVaultClient(access(jwt()))).rejects.toThrow(`there is no token in ${tokenFile()}`);
  });
});
