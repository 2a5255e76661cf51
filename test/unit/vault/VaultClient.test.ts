import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { VaultClient } from "../../../src/clients/VaultClient.ts";
import { Secret } from "../../../src/credentials/Secret.ts";

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Record<string, string>;
}

let server: Server;
let client: VaultClient;
let answer: Answer;
/** What comes before it. */
let turnedAway: Answer[];
/** When each request came. */
let times: number[];
let seen: { method: string | undefined; url: string | undefined; token: string | undefined };

beforeEach(async () => {
  [turnedAway, times] = [[], []];
  server = createServer((request, response) => {
    times.push(performance.now());
    seen = { method: request.method, url: request.url, token: request.headers["x-vault-token"] as string | undefined };
    request.resume();
    const { status, headers, body } = turnedAway.shift() ?? answer;
    response.writeHead(status, headers).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new VaultClient({ address, ca: "", token: new Secret("canary-token") });
});

afterEach(async () => {
  await client.close();
  server.close();
});

test.each<[string, object, unknown]>([
  ["data", { data: { a: 1 }, auth: null }, { a: 1 }],
  ["auth", { data: null, auth: { client_token: "t" } }, { client_token: "t" }],
  ["the body where it wraps nothing", { keys: [1] }, { keys: [1] }],
])("VaultClient.read() returns %s", async (_, body, expected) => {
  answer = { status: 200, body: JSON.stringify(body) };
  expect(await client.read("sys/x")).toEqual(expected);
  expect(seen).toEqual({ method: "GET", url: "/v1/sys/x", token: "canary-token" });
});

test("VaultClient takes 404 for nothing: read undefined, list empty, delete done", async () => {
  answer = { status: 404, body: '{"errors":[]}' };
  expect(await client.read("a")).toBeUndefined();
  expect(await client.list("a")).toEqual([]);
  await client.delete("a");
  expect(seen.method).toBe("DELETE");
  await expect(client.write("a")).rejects.toMatchObject({ status: 404 });
});

test("VaultClient.write() returns an empty object for an answer without body", async () => {
  answer = { status: 204, body: "" };
  expect(await client.write("a", { b: 1 })).toEqual({});
});

test("VaultClient throws Vault's own words with status, method and path", async () => {
  answer = { status: 403, body: '{"errors":["permission denied",{"token":"canary"}]}' };
  await expect(client.read("a?list=true")).rejects.toMatchObject({
    name: "VaultError",
    status: 403,
    errors: ["permission denied"],
    method: "GET",
    path: "a",
    message: "vault answered 403 to GET a: permission denied",
  });
});

test("VaultClient quotes no body that is not Vault's", async () => {
  for (const status of [200, 502]) {
    answer = { status, body: "<html>canary</html>" };
    const error = (await client.read("a").catch((error: unknown) => error)) as Error;
    expect(error).toMatchObject({ name: "VaultError", status });
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain("canary");
  }
});

test("VaultClient tells a Vault that may not answer from one that fails, where its audit log can be looked at", async () => {
  const ask = async (auditProblem: string | undefined) => {
    const looking = new VaultClient({ address: client.address, ca: "", auditProblem: async () => auditProblem });
    try {
      return await looking.withToken(new Secret("canary-token")).read("a");
    } catch (error) {
      return error;
    } finally {
      await looking.close();
    }
  };
  answer = { status: 500, body: '{"errors":["internal error"]}' };
  expect(await ask("the disk of logs is full")).toMatchObject({
    code: "VAULT_AUDIT_BLOCKED",
    message: expect.stringContaining("the disk of logs is full"),
  });
  expect(await ask(undefined)).toMatchObject({ name: "VaultError", status: 500 });
  answer = { status: 400, body: '{"errors":["no such role"]}' };
  expect(await ask("the disk of logs is full")).toMatchObject({ name: "VaultError", status: 400 });
});

test("VaultClient says when nobody answers, without its token", async () => {
  server.close();
  server.closeAllConnections();
  const error = (await client.read("a").catch((error: unknown) => error)) as Error;
  expect(error).toMatchObject({ code: "VAULT_UNREACHABLE" });
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("canary-token");
});

test("VaultClient asks again what a rate limit turned away, not before the time that Vault names", async () => {
  const limited = { status: 429, body: '{"errors":["request path is rate limited"]}' };
  turnedAway = [
    { ...limited, headers: { "retry-after": "1" } },
    { ...limited, headers: { "retry-after": "0" } },
  ];
  answer = { status: 200, body: '{"data":{"a":1}}' };
  expect(await client.write("a", {})).toEqual({ a: 1 });
  expect(times).toHaveLength(3);
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1_000);
});

test("VaultClient does not ask again when Vault wants that later than anybody waits", async () => {
  answer = { status: 429, body: '{"errors":["rate limited"]}', headers: { "retry-after": "3600" } };
  await expect(client.read("a")).rejects.toMatchObject({ name: "VaultError", status: 429 });
  expect(times).toHaveLength(1);
});
