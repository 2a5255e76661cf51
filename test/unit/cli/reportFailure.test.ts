import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { failureJson, failureText } from "../../../src/cli/reportFailure.ts";
import { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import { KubernetesError } from "../../../src/clients/KubernetesError.ts";
import { VaultClient } from "../../../src/clients/VaultClient.ts";
import { VaultError } from "../../../src/clients/VaultError.ts";
import { DayzeroError } from "../../../src/config/DayzeroError.ts";
import { Secret } from "../../../src/credentials/Secret.ts";
import { GitError } from "../../../src/resources/git/GitError.ts";

const plain = (_color: string, text: string) => text;
const shown = (error: unknown) =>
  failureText(error, { debug: true, paint: plain }) + JSON.stringify(failureJson(error));

describe("failureJson()", () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  const kubernetes = (status: number) => new KubernetesError({ status, reason: "x", method: "GET", path: "/api" });

  test.each([
    ["the system's own error", full, "ENOSPC", /make room/],
    ["one behind another", new Error("cannot write", { cause: full }), "ENOSPC", /make room/],
    ["Vault's", new VaultError({ status: 500, errors: [], method: "GET", path: "sys" }), "VAULT_FAILED", /vault\.log/],
    ["a refusal of the API server", kubernetes(403), "KUBERNETES_FAILED", /kubeconfig/],
    ["an API server that does not answer", kubernetes(0), "CLUSTER_UNREACHABLE", /dayzero status/],
    ["git's", new GitError("git fsck ended with 1"), "GIT_FAILED", /git fsck/],
    ["a limit of time", new DOMException("too late", "TimeoutError"), "TIMED_OUT", /answers/],
    ["a defect", new TypeError("x is undefined"), "INTERNAL", /defect/],
    ["what is no error", "nonsense", "INTERNAL", /defect/],
  ])("says what to do about %s", (_what, error, code, hint) => {
    expect(failureJson(error).error).toMatchObject({ code, hint: expect.stringMatching(hint) });
  });
});

describe("failureText()", () => {
  const error = new DayzeroError("STACK_INVALID", "cannot use stack: 2 problems\n  a: b\n  c: d", {
    cause: new Error("it is a list"),
    hint: "correct it",
  });

  test("says what failed and its code on the first line, then the cause, the next action and where to read on", () => {
    expect(failureText(error, { debug: false, paint: plain })).toBe(
      [
        "error: cannot use stack: 2 problems [STACK_INVALID]",
        "  a: b",
        "  c: d",
        "  because it is a list",
        "hint: correct it",
        "more: dayzero explain STACK_INVALID",
        "",
      ].join("\n"),
    );
  });

  test("has stack traces of the error and its causes with debug, and only then", () => {
    const frames = /^ {4}at /m;
    expect(failureText(error, { debug: false, paint: plain })).not.toMatch(frames);
    const debug = failureText(error, { debug: true, paint: plain });
    expect(debug).toMatch(frames);
    expect(debug).toContain("caused by Error: it is a list");
  });

  test("shows no property of an error but its name, message and stack", () => {
    const leaky = Object.assign(new Error("request failed"), {
      request: { headers: { "x-vault-token": "canary" }, body: "canary" },
      config: "canary",
      cause: Object.assign(new Error("socket closed"), { response: { data: "canary" } }),
    });
    const aggregate = new AggregateError([leaky], "all addresses failed");
    for (const error of [leaky, aggregate, new DayzeroError("PORT_TAKEN", "x", { cause: leaky, hint: "y" })]) {
      expect(shown(error)).toContain("socket closed");
      expect(shown(error)).not.toContain("canary");
    }
  });
});

describe("no output of a client's failure has a credential in it", () => {
  const TOKEN = "hvs.CanaryCanaryCanaryCanary01";
  const BODY = "canary-in-a-body";
  let answer: (request: IncomingMessage, body: string, response: ServerResponse) => void;
  let arrived = "";
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    arrived = JSON.stringify(request.headers) + body;
    answer(request, body, response);
  });
  let address: string;
  const clients: { close(): unknown }[] = [];

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const failureWith = async (work: Promise<unknown>): Promise<string> => {
    const error: unknown = await work.then(
      () => expect.fail("it did not fail"),
      (error: unknown) => error,
    );
    expect(arrived).toContain(TOKEN);
    expect(arrived).toContain(BODY);
    return shown(error);
  };

  test.each<[string, typeof answer]>([
    ["the connection is reset", (request) => request.socket.destroy()],
    [
      "Vault quotes the token that it was given",
      (_request, _body, response) =>
        response.writeHead(403).end(JSON.stringify({ errors: [`bad token ${TOKEN}, permission denied`] })),
    ],
    ["a proxy answers with the request", (_request, body, response) => response.writeHead(502).end(body + TOKEN)],
    ["the answer is cut off", (_request, body, response) => response.end(`{"data": "${body}`)],
  ])("when %s, from Vault", async (_what, behaviour) => {
    answer = behaviour;
    const client = new VaultClient({ address, token: new Secret(TOKEN) });
    clients.push(client);
    const said = await failureWith(client.write("auth/dayzero/login", { jwt: BODY }));
    expect(said).toContain("auth/dayzero/login");
    expect(said).not.toMatch(/CanaryCanary|canary-in-a-body/);
  });

  test.each<[string, typeof answer]>([
    ["the connection is reset", (request) => request.socket.destroy()],
    [
      "the API server quotes the Secret",
      (_request, body, response) =>
        response.writeHead(422).end(JSON.stringify({ kind: "Status", reason: "Invalid", message: `invalid: ${body}` })),
    ],
    ["a proxy answers with the request", (_request, body, response) => response.writeHead(502).end(body + TOKEN)],
  ])("when %s, from Kubernetes", async (_what, behaviour) => {
    answer = behaviour;
    const client = new KubernetesClient({
      server: address,
      ca: undefined,
      credential: async () => ({ token: new Secret(TOKEN), expiresAt: new Date(Date.now() + 60_000) }),
    });
    clients.push(client);
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "repo-fleet", namespace: "argocd" },
      stringData: { password: BODY },
    };
    const said = await failureWith(
      client.request("PUT", "/api/v1/namespaces/argocd/secrets/repo-fleet", { body: secret }),
    );
    expect(said).toContain("secrets/repo-fleet");
    expect(said).not.toMatch(/CanaryCanary|canary-in-a-body/);
  });

  test("when git quotes a URL with a password", () => {
    const said = shown(
      new GitError(
        "git fetch ended with 128: fatal: unable to access 'https://me:canary-in-a-url@forge.example/a.git/'",
      ),
    );
    expect(said).toContain("forge.example/a.git");
    expect(said).not.toContain("canary-in-a-url");
  });
});
