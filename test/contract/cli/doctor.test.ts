import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { stringify } from "yaml";
import { doctor } from "../../../src/cli/commands/doctor.ts";
import type { Examined } from "../../../src/cli/doctor/examine.ts";
import type { Run } from "../../../src/cli/Run.ts";
import type { VaultClient } from "../../../src/clients/VaultClient.ts";
import type { Secret } from "../../../src/credentials/Secret.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import { ISSUER, TokenIssuer } from "../vault/TokenIssuer.ts";
import { VaultStack } from "../vault/VaultStack.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const NOBODY = "https://127.0.0.1:9";
const SUBJECT = "system:serviceaccount:dayzero-system:operator";

let cluster: ApiServer;
let vault: VaultStack;
const issuer = new TokenIssuer();
/** May do anything in Vault. */
let owner: VaultClient;
let project: string;
const asked: string[] = [];

beforeAll(async () => {
  cluster = await startApiServer(inject("tools"));
  vault = await VaultStack.create(inject("tools").bao as string, issuer);
  await vault.server();
  project = await mkdtemp(join(tmpdir(), "dz-doctor-"));
  await mkdir(join(project, "files"));
  await writeFile(join(project, "Pulumi.yaml"), stringify({ name: "own", runtime: "nodejs", main: "index.js" }));
  await writeFile(join(project, "index.js"), "");
}, 120_000);
afterAll(async () => {
  await cluster?.stop();
  await owner?.close();
  await vault?.down();
  await rm(project, { recursive: true, force: true });
}, 60_000);

beforeEach(() => {
  asked.length = 0;
});

async function examined(
  more: { kubeconfig?: string; vault?: object } = {},
): Promise<{ code: number; checks: Map<string, Examined>; text: string }> {
  const ca = await readFile(vault.layout.pki("platform", "ca.crt"), "utf8");
  const config = {
    "dayzero:program": "existing",
    "dayzero:cluster": { kubeconfig: more.kubeconfig ?? cluster.kubeconfig },
    "dayzero:vault": { address: vault.address, ca, login: { method: "token" }, ...more.vault },
    "dayzero:repository": { source: `${vault.address}/fleet.git`, ca },
  };
  await writeFile(join(project, "Pulumi.prod.yaml"), stringify({ config }));
  const { PATH = "" } = process.env;
  const ask = (question: string) => {
    asked.push(question);
    return Promise.reject(new Error("nobody is to be asked"));
  };
  const run: Run = {
    environment: { PATH, HOME: project, XDG_CACHE_HOME: join(project, "cache") },
    workingDirectory: project,
    program: [process.execPath, join(ROOT, "src", "cli", "dayzero.js")],
    packageDirectory: ROOT,
    narrator: { tell: ({ kind }) => asked.push(kind), close: () => undefined },
    paint: (_style, text) => text,
    columns: undefined,
    signal: new AbortController().signal,
    confirm: ask,
    askSecret: ask,
  };
  const { exitCode, json, text } = await doctor(run, "prod", {});
  const { checks } = json as { checks: Examined[] };
  return { code: exitCode, checks: new Map(checks.map((check) => [check.id, check])), text };
}

async function kubeconfigOf(
  name: string,
  change: (config: { clusters: { cluster: { server: string } }[]; users: { user: object }[] }) => void,
): Promise<string> {
  const config = JSON.parse(await readFile(cluster.kubeconfig, "utf8"));
  change(config);
  const file = join(project, "files", name);
  await writeFile(file, JSON.stringify(config));
  return file;
}

describe("dayzero doctor, for a cluster and a Vault that are there", () => {
  test("finds a Vault that is not initialized", async () => {
    const { code, checks } = await examined();
    expect(code).toBe(1);
    expect(checks.get("vault")).toMatchObject({
      result: "problem",
      seen: expect.stringMatching(/version 2\.\d+\.\d+, and not initialized/),
    });
  });

  test("finds all well, asks nobody and changes nothing", async () => {
    await vault.initialization();
    owner = (await vault.client()).withToken(vault.memory.get("vault-root-token") as Secret);
    await cluster.mutations();
    const { checks, text } = await examined();
    expect(checks.get("cluster")).toMatchObject({
      result: "ok",
      seen: expect.stringContaining(`${cluster.url} is Kubernetes v1.`),
    });
    expect(checks.get("rights")).toMatchObject({ result: "ok" });
    expect(checks.get("vault")).toMatchObject({ result: "ok", seen: expect.stringContaining("unsealed") });
    expect(checks.get("vault login")).toMatchObject({ result: "unknown" });
    expect(checks.get("clock")).toMatchObject({
      result: "ok",
      seen: expect.stringMatching(/the API server .*Vault .*the Git server/),
    });
    expect(checks.get("repository")).toMatchObject({ seen: expect.stringContaining("fleet.git") });
    expect(text).toContain("vault login");
    expect(asked).toEqual([]);
    expect(new Set(await cluster.mutations())).toEqual(new Set(["create selfsubjectaccessreviews "]));
    expect(await readdir(project)).not.toContain(".dayzero");
  });

  test("finds that the kubeconfig's user lacks rights, and which", async () => {
    const client = cluster.client();
    await client.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "poor", namespace: "default" } });
    const { token } = await client.serviceAccountToken({ namespace: "default", name: "poor", expirationSeconds: 600 });
    await client.close();
    const kubeconfig = await kubeconfigOf("poor", ({ users }) => {
      for (const one of users) one.user = { token: token.reveal() };
    });
    const { checks, text } = await examined({ kubeconfig });
    expect(checks.get("rights")).toMatchObject({
      result: "problem",
      seen: expect.stringMatching(
        /may not create namespaces, .*patch customresourcedefinitions\.apiextensions\.k8s\.io/,
      ),
      action: expect.stringContaining("administrator"),
    });
    expect(text).not.toContain(token.reveal());
  });

  test("finds a user whom the API server does not know, and one that nobody serves", async () => {
    const stranger = await kubeconfigOf("stranger", ({ users }) => {
      for (const one of users) one.user = { token: "canary-of-a-stranger" };
    });
    const found = await examined({ kubeconfig: stranger });
    expect(found.checks.get("cluster")).toMatchObject({
      result: "problem",
      action: expect.stringContaining("log in again"),
    });
    expect(found.text).not.toContain("canary");
    const gone = await kubeconfigOf("gone", ({ clusters }) => {
      for (const one of clusters) one.cluster.server = NOBODY;
    });
    expect((await examined({ kubeconfig: gone })).checks.get("cluster")).toMatchObject({
      result: "problem",
      seen: expect.stringContaining("ConnectionRefused"),
    });
    const broken = join(project, "files", "broken");
    await writeFile(broken, "token: canary-in-a-kubeconfig");
    const unparsed = await examined({ kubeconfig: broken });
    expect(unparsed.checks.get("cluster")).toMatchObject({ result: "problem", seen: expect.stringContaining(broken) });
    expect(unparsed.text).not.toContain("canary");
  });

  test("logs in to Vault as the stack would, ends that login, and says what is wrong with another", async () => {
    await owner.write("sys/auth/ci", { type: "jwt" });
    await owner.write("auth/ci/config", { jwt_validation_pubkeys: [issuer.publicKey], bound_issuer: ISSUER });
    const role = {
      role_type: "jwt",
      user_claim: "sub",
      bound_subject: SUBJECT,
      bound_audiences: ["vault"],
      token_policies: ["default"],
    };
    await owner.write("auth/ci/role/operator", role);
    const tokenFile = join(project, "files", "token");
    const login = { method: "jwt", mount: "ci", role: "operator", tokenFile };
    await writeFile(tokenFile, (await issuer.token("operator")).reveal());
    const before = await owner.list("auth/token/accessors");
    expect((await examined({ vault: { login } })).checks.get("vault login")).toMatchObject({ result: "ok" });
    expect(await owner.list("auth/token/accessors")).toHaveLength(before.length);
    const wrong = await issuer.token("other");
    await writeFile(tokenFile, wrong.reveal());
    const { checks, text } = await examined({ vault: { login } });
    expect(checks.get("vault login")).toMatchObject({ result: "problem", seen: expect.stringContaining("auth/ci") });
    expect(text).not.toContain(wrong.reveal());
  });

  test("finds a Vault that is sealed, and one that nobody serves", async () => {
    await owner.write("sys/seal");
    expect((await examined()).checks.get("vault")).toMatchObject({ result: "problem", action: "unseal it" });
    const gone = await examined({ vault: { address: NOBODY } });
    expect(gone.checks.get("vault")).toMatchObject({ result: "problem", seen: expect.stringContaining(NOBODY) });
  });
});
