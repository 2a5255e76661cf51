import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadKubeconfig } from "../../../src/clients/Kubeconfig.ts";
import { isNotThere } from "../../../src/hosts/isNotThere.ts";

let directory: string;
let server: Server;
let authorizations: (string | undefined)[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kubeconfig-"));
  authorizations = [];
  server = createServer((request, response) => {
    authorizations.push(request.headers.authorization);
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true });
});

function config(user: object, cluster: object = {}): string {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return JSON.stringify({
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { server: url, ...cluster } }],
    users: [{ name: "u", user }],
  });
}

async function ask(source: string, environment?: Record<string, string>): Promise<void> {
  const client = loadKubeconfig(source, environment === undefined ? {} : { environment });
  try {
    await client.request("GET", "/");
  } finally {
    await client.close();
  }
}

test("loadKubeconfig() reads a token file, relative to the kubeconfig", async () => {
  await writeFile(join(directory, "token"), "from-file\n");
  await writeFile(join(directory, "config"), config({ tokenFile: "token" }));
  await ask(join(directory, "config"));
  expect(authorizations).toEqual(["Bearer from-file"]);
});

test("loadKubeconfig() runs exec with the environment that it is given and nothing else", async () => {
  const script = `
    if (process.env.HOME !== undefined) process.exit(3);
    const { kind, spec } = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
    const token = [process.env.GIVEN, process.env.OWN, kind, spec.interactive].join(":");
    console.log(JSON.stringify({ status: { token } }));
  `;
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: process.execPath,
    args: ["-e", script],
    env: [{ name: "OWN", value: "own" }],
  };
  await ask(config({ exec }), { GIVEN: "given" });
  expect(authorizations).toEqual(["Bearer given:own:ExecCredential:false"]);
});

test("loadKubeconfig() does not repeat what a failing exec printed", async () => {
  const script = "console.log('a-credential'); console.error('not logged in'); process.exit(1)";
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: process.execPath, args: ["-e", script] };
  const error = (await ask(config({ exec })).catch((reason: unknown) => reason)) as Error;
  expect(error).toMatchObject({ code: "KUBECONFIG_EXEC_FAILED", message: expect.stringContaining("not logged in") });
  expect(error.message).not.toContain("a-credential");
});

test("loadKubeconfig() says which token file cannot be read, and what is wrong with an exec that says too much", async () => {
  const missing = (await ask(config({ tokenFile: join(directory, "none") })).catch(
    (reason: unknown) => reason,
  )) as Error;
  expect(missing).toMatchObject({ code: "KUBECONFIG_INVALID", message: expect.stringContaining(`${directory}/none`) });
  expect(isNotThere(missing), "a plan would take the cluster for one that is not made yet").toBe(false);

  const script = "console.log('x'.repeat(2_000_000))";
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: process.execPath, args: ["-e", script] };
  await expect(ask(config({ exec }))).rejects.toThrow("it printed more than 1 MiB");
});

test("loadKubeconfig() refuses a server that is not verified, and names a missing file", () => {
  expect(() => loadKubeconfig(config({}, { "insecure-skip-tls-verify": true }))).toThrow(
    expect.objectContaining({ code: "KUBECONFIG_INVALID" }),
  );
  expect(() => loadKubeconfig(join(directory, "none"))).toThrow(
    expect.objectContaining({ code: "KUBECONFIG_MISSING" }),
  );
});

test("loadKubeconfig() takes the context that is asked for, and names those that there are", async () => {
  const both = JSON.parse(config({ token: "one" })) as { contexts: object[]; users: object[] };
  both.contexts.push({ name: "other", context: { cluster: "c", user: "v" } });
  both.users.push({ name: "v", user: { token: "two" } });
  const client = loadKubeconfig(JSON.stringify(both), { context: "other" });
  await client.request("GET", "/").finally(() => client.close());
  expect(authorizations).toEqual(["Bearer two"]);
  expect(() => loadKubeconfig(JSON.stringify(both), { context: "prod" })).toThrow(
    'no context "prod" (known: c, other)',
  );
  const { "current-context": _, ...none } = both as unknown as Record<string, unknown>;
  expect(() => loadKubeconfig(JSON.stringify(none))).toThrow("it has no current context");
});

test("loadKubeconfig() tells an exec of the older version about the cluster where it wants to know", async () => {
  const script = `
    const { apiVersion, spec } = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
    console.log(JSON.stringify({ apiVersion, status: { token: apiVersion + " " + spec.cluster.server } }));
  `;
  const apiVersion = "client.authentication.k8s.io/v1beta1";
  await ask(
    config({ exec: { apiVersion, command: process.execPath, args: ["-e", script], provideClusterInfo: true } }),
  );
  expect(authorizations).toEqual([expect.stringMatching(`^Bearer ${apiVersion} http://127.0.0.1:`)]);
});

test("loadKubeconfig() refuses to act as the person where the kubeconfig says to act as another", () => {
  expect(() => loadKubeconfig(config({ token: "t", as: "auditor" }))).toThrow("impersonation is not supported");
});

test("loadKubeconfig() asks nothing of entries that the context does not name, and says which of its own it cannot use", async () => {
  const exec = { apiVersion: "client.authentication.k8s.io/v1alpha1", command: "x", interactiveMode: "Always" };
  const all = JSON.parse(config({ token: "one" })) as Record<"contexts" | "clusters" | "users", object[]>;
  all.clusters.push({ name: "lab", cluster: { server: "https://lab", "insecure-skip-tls-verify": true } });
  all.users.push({ name: "auditor", user: { token: "t", as: "other" } }, { name: "old", user: { exec } });
  all.contexts.push(
    { name: "lab", context: { cluster: "lab", user: "u" } },
    { name: "audit", context: { cluster: "c", user: "auditor" } },
    { name: "old", context: { cluster: "c", user: "old" } },
    { name: "half", context: { cluster: "c" } },
  );
  const source = JSON.stringify(all);
  await ask(source);
  expect(authorizations).toEqual(["Bearer one"]);
  expect(() => loadKubeconfig(source, { context: "lab" })).toThrow(/cluster "lab": .*insecure-skip-tls-verify/);
  expect(() => loadKubeconfig(source, { context: "audit" })).toThrow('user "auditor": ✖ impersonation');
  expect(() => loadKubeconfig(source, { context: "old" })).toThrow(/user "old": .*expected Never or IfAvailable/);
  expect(() => loadKubeconfig(source, { context: "half" })).toThrow('context "half": ');
});
