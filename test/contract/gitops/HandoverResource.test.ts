import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import type { KubernetesClient, KubernetesManifest } from "../../../src/clients/KubernetesClient.ts";
import { Secret } from "../../../src/credentials/Secret.ts";
import { swapRepositorySecret } from "../../../src/issuers/swapRepositorySecret.ts";
import { handoverResource } from "../../../src/resources/gitops/HandoverResource.ts";
import type { Context } from "../../../src/resources/Resource.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import { clusterContext } from "../../support/clusterContext.ts";
import { waitFor } from "../../support/waitFor.ts";

const URL = "https://git.example.org/team/fleet.git";
const OLD = { apiVersion: "v1", kind: "Secret", namespace: "argocd", name: "repo-of-old" };
const DESIRED = { namespace: "argocd", secret: OLD.name, repository: "fleet", url: URL };
const CANARY = "canary-of-a-personal-access-token";

let server: ApiServer;
let client: KubernetesClient;
let ctx: Context;
const narrated: string[] = [];

beforeAll(async () => {
  server = await startApiServer(inject("tools"));
  client = server.client();
  await client.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } });
  ctx = clusterContext(server, client, { narrate: (message) => narrated.push(message) });
});

afterAll(async () => {
  await client?.close();
  await server?.stop();
});

beforeEach(async () => {
  await client.delete(OLD);
  await client.delete({ ...OLD, name: "repo-fleet" });
});

async function old(change: { labels?: object; metadata?: object; data?: object } = {}): Promise<void> {
  const labels = { "argocd.argoproj.io/secret-type": "repository", ...change.labels };
  const { name, namespace } = OLD;
  await client.create({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, labels, ...change.metadata },
    stringData: { url: URL, username: "person", password: CANARY, ...change.data },
  } as unknown as KubernetesManifest);
}

/** The stack's own credential, with so many seconds to live. */
async function successor({ seconds = 600, stack = "test", writer = "agent/of-a-test" } = {}): Promise<void> {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const password = [{ alg: "none" }, { iat: now - 300, exp: now + seconds }, {}].map(part).join(".");
  await swapRepositorySecret(
    client,
    { namespace: "argocd", repository: "fleet", url: URL, labels: { "dayzero.dev/stack": stack }, writer },
    {
      username: "oidc",
      password: new Secret(password),
      issuedAt: new Date(),
      expiresAt: new Date((now + seconds) * 1000),
      fingerprint: "f",
    },
  );
}

async function plan() {
  return handoverResource.plan(await handoverResource.read(handoverResource.identify(DESIRED), ctx, DESIRED), DESIRED);
}

test("handoverResource removes the old Secret once the new one serves, says what to revoke, and then has nothing to do", async () => {
  await old();
  await successor();
  expect(await plan()).toEqual([{ action: "create", path: "" }]);
  const live = await handoverResource.apply([], DESIRED, ctx);
  expect(await client.get(OLD)).toBeUndefined();
  expect(await plan()).toEqual([]);
  expect(narrated.join()).toMatch(/revoke the token/);
  expect(narrated.join()).not.toContain(CANARY);
  expect(handoverResource.ledger?.("argocd/repo-of-old", live)).toMatchObject([{ residual: true }]);
  await handoverResource.apply([], DESIRED, ctx);
});

test("handoverResource waits for the agent's own renewal", async () => {
  await old();
  await successor({ writer: "" });
  const applied = handoverResource.apply([], DESIRED, ctx);
  await waitFor("the wait", async () => narrated.some((said) => /waiting for the agent/.test(said)));
  expect(await client.get(OLD)).toBeDefined();
  await successor();
  await applied;
  expect(await client.get(OLD)).toBeUndefined();
});

test("handoverResource takes URLs for the same that Argo CD does", async () => {
  await old({ data: { url: "https://GIT.example.org/team/fleet/" } });
  expect(await plan()).toHaveLength(1);
});

test.each([
  ["without a successor", async () => undefined],
  ["with one that has expired", () => successor({ seconds: -1 })],
  ["with one of another stack", () => successor({ stack: "other" })],
  ["with one that no agent has renewed", () => successor({ writer: "" })],
  ["with one that an agent should have renewed by now", () => successor({ seconds: 100 })],
])("handoverResource leaves the old Secret %s", async (_, make) => {
  await old();
  await make();
  let passed = 0;
  const now = () => new Date(Date.now() + 40_000 * passed++);
  await expect(handoverResource.apply([], DESIRED, { ...ctx, now })).rejects.toMatchObject({
    code: "HANDOVER_TOO_EARLY",
    hint: expect.stringContaining("dayzero-agent-fleet"),
  });
  expect(await client.get(OLD)).toBeDefined();
});

test.each([
  ["is for another repository", { data: { url: "https://git.example.org/team/other.git" } }],
  ["is no repository's", { labels: { "argocd.argoproj.io/secret-type": "repo-creds" } }],
  ["says more than the new one would", { data: { proxy: "http://proxy.example.org" } }],
  [
    "somebody would make again",
    { metadata: { ownerReferences: [{ apiVersion: "v1", kind: "SealedSecret", name: "s", uid: "u" }] } },
  ],
])("handoverResource refuses a Secret that %s, without telling what is in it", async (_, change) => {
  await old(change);
  await successor();
  const refused = await plan().catch((error: unknown) => error as Error);
  expect(refused).toMatchObject({ code: "SECRET_NOT_ADOPTABLE", message: expect.stringContaining("repo-of-old") });
  expect(JSON.stringify(refused) + String(refused)).not.toContain(CANARY);
  await expect(handoverResource.apply([], DESIRED, ctx)).rejects.toMatchObject({ code: "SECRET_NOT_ADOPTABLE" });
  expect(await client.get(OLD)).toBeDefined();
});

test("handoverResource leaves a Secret that somebody changed since it was looked at", async () => {
  await old();
  await successor();
  const overtaken = Object.assign(Object.create(client), {
    get: async (ref: typeof OLD) => {
      const found = await client.get(ref);
      if (ref.name === "repo-fleet") await client.mergePatch(OLD, { metadata: { annotations: { changed: "1" } } });
      return found;
    },
    delete: (...parameters: Parameters<KubernetesClient["delete"]>) => client.delete(...parameters),
  }) as KubernetesClient;
  await expect(
    handoverResource.apply([], DESIRED, { ...ctx, kubernetes: async () => overtaken }),
  ).rejects.toMatchObject({ code: "SECRET_CHANGED" });
  expect(await client.get(OLD)).toBeDefined();
});
