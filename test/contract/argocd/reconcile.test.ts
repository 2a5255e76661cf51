import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { parse } from "yaml";
import type { KubernetesClient, KubernetesManifest } from "../../../src/clients/KubernetesClient.ts";
import { appProject } from "../../../src/manifests/argocd/appProject.ts";
import { argocdSettings } from "../../../src/manifests/argocd/argocdSettings.ts";
import { clusterSecret } from "../../../src/manifests/argocd/clusterSecret.ts";
import {
  ARGOCD_NAMESPACE,
  CONTROLLER,
  controllerServiceAccount,
  destinationNamespaces,
  namespace,
} from "../../../src/manifests/argocd/controllerIdentity.ts";
import { controllerRole, controllerRoleBinding } from "../../../src/manifests/argocd/controllerRole.ts";
import { clusterRoles, destinationRoles } from "../../../src/manifests/argocd/destinationRoles.ts";
import type { Manifest } from "../../../src/manifests/argocd/Manifest.ts";
import { type RepositoryKind, repositoryNeeds } from "../../../src/manifests/argocd/repositoryNeeds.ts";
import { rootApplication } from "../../../src/manifests/argocd/rootApplication.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import { waitFor } from "../../support/waitFor.ts";
import { ArgoCd } from "./ArgoCd.ts";

const run = promisify(execFile);
const version = "v1";
const KINDS: RepositoryKind[] = [
  { group: "apps", version, kind: "Deployment", namespace: "staging" },
  { group: "", version, kind: "ConfigMap", namespace: "staging" },
  { group: "", version, kind: "ConfigMap", namespace: "production" },
];
const CONFIG_MAP = { apiVersion: "v1", kind: "ConfigMap", namespace: "staging", name: "settings" };
const ROOT = { apiVersion: "argoproj.io/v1alpha1", kind: "Application", namespace: "argocd", name: "root" };

interface Application extends KubernetesManifest {
  readonly status?: {
    readonly sync?: { readonly status: string; readonly revision: string };
    readonly health?: { readonly status: string };
    readonly conditions?: readonly { readonly type: string; readonly message: string }[];
  };
}

let directory: string;
let work: string;
let url: string;
let server: ApiServer;
let client: KubernetesClient;
let argocd: ArgoCd;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "argocd-"));
  work = join(directory, "work");
  url = `file://${join(directory, "fleet.git")}`;
  await run("git", ["init", "--quiet", "--bare", "--initial-branch=main", join(directory, "fleet.git")]);
  await mkdir(work);
  await run("git", ["init", "--quiet", "--initial-branch=main", work]);
  server = await startApiServer(inject("tools"));
  client = server.client();
  const folder = inject("tools")["argocd-crds"] ?? "";
  for (const file of await readdir(folder)) {
    await client.apply(parse(await readFile(join(folder, file), "utf8")) as KubernetesManifest);
  }
  await apply([
    namespace(ARGOCD_NAMESPACE),
    controllerServiceAccount(),
    controllerRole(),
    controllerRoleBinding(),
    argocdSettings({ kubelet: false }),
  ]);
  await grant(KINDS);
  argocd = new ArgoCd(directory, inject("tools"));
  await argocd.link(["argocd", "kustomize"]);
  await argocd.start(await controllerKubeconfig());
});

afterAll(async () => {
  await argocd?.stop();
  await client?.close();
  await server?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

test("the repository is reconciled under the controller's own rights, and what would need a kubelet is Healthy", async () => {
  const revision = await push({ "all.yaml": [deployment(), configMap("staging"), configMap("production")] });
  await apply([rootApplication({ project: "fleet", url, path: ".", branch: "main", revision })]);
  const elapsed = await synced(revision);
  process.stdout.write(`Application stored -> Synced and Healthy: ${elapsed} ms\n`);
  expect(await client.get({ ...CONFIG_MAP, namespace: "production" })).toMatchObject({ data: { colour: "blue" } });
});

test("a drifted object is healed, each time", async () => {
  for (const attempt of [1, 2, 3]) {
    await client.mergePatch(CONFIG_MAP, { data: { colour: "red" } });
    const elapsed = await waitFor("the drift to be healed", async () => (await colour()) === "blue", 15);
    process.stdout.write(`drift ${attempt} -> healed: ${elapsed} ms\n`);
    expect(elapsed).toBeLessThan(5_000);
  }
});

test("a push is reconciled when the Application is refreshed", async () => {
  const revision = await push({ "all.yaml": [deployment(), configMap("staging", "green"), configMap("production")] });
  await refresh();
  const elapsed = await synced(revision);
  process.stdout.write(`push -> Synced and Healthy: ${elapsed} ms\n`);
  expect(await colour()).toBe("green");
});

test("a kind that was not granted is refused by name, and reconciled once it is granted, without a restart", async () => {
  const job = { apiVersion: "batch/v1", kind: "CronJob", metadata: { name: "nightly", namespace: "staging" }, spec };
  const revision = await push({ "job.yaml": [job] });
  await refresh();
  await waitFor("the refusal", async () => /cronjobs\.batch "nightly" is forbidden/.test(await complaint()));
  await grant([...KINDS, { group: "batch", version, kind: "CronJob", namespace: "staging" }]);
  await refresh();
  const elapsed = await synced(revision);
  process.stdout.write(`granted -> Synced and Healthy: ${elapsed} ms\n`);
});

const spec = {
  schedule: "0 0 * * *",
  jobTemplate: {
    spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "app", image: "app" }] } } },
  },
};

function deployment(): object {
  const labels = { app: "web" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "staging" },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "app", image: "app" }] } },
    },
  };
}

function configMap(inside: string, colour = "blue"): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: inside }, data: { colour } };
}

async function push(files: Record<string, object[]>): Promise<string> {
  for (const [name, objects] of Object.entries(files)) {
    await writeFile(join(work, name), objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  }
  const git = (...args: string[]) => run("git", ["-C", work, "-c", "user.name=t", "-c", "user.email=t@t", ...args]);
  await git("add", "--all");
  await git("commit", "--quiet", "--message=change");
  await git("push", "--quiet", url, "main");
  return (await git("rev-parse", "HEAD")).stdout.trim();
}

async function apply(manifests: readonly Manifest[]): Promise<void> {
  for (const manifest of manifests) {
    // A definition is served a moment after it is stored.
    await waitFor(manifest.kind, async () => Boolean(await client.apply(manifest as unknown as KubernetesManifest)));
  }
}

async function grant(kinds: readonly RepositoryKind[]): Promise<void> {
  const needs = repositoryNeeds(kinds, "fleet");
  const name = `${CONTROLLER}:fleet`;
  await apply([
    ...destinationNamespaces(needs.namespaces),
    ...destinationRoles(needs, name),
    ...clusterRoles(needs, name),
    clusterSecret(needs),
    appProject({ name: "fleet", url, needs }),
  ]);
}

/** Its exec prints a credential of the controller's own service account. */
async function controllerKubeconfig(): Promise<string> {
  const { token, expiresAt } = await client.serviceAccountToken({
    namespace: ARGOCD_NAMESPACE,
    name: CONTROLLER,
    expirationSeconds: 3600,
  });
  const credential = join(directory, "credential.json");
  const apiVersion = "client.authentication.k8s.io/v1";
  const status = { token: token.reveal(), expirationTimestamp: expiresAt.toISOString() };
  await writeFile(credential, JSON.stringify({ apiVersion, kind: "ExecCredential", status }), { mode: 0o600 });
  const exec = { apiVersion, command: "/bin/cat", args: [credential], interactiveMode: "Never" };
  const ca = Buffer.from(server.ca).toString("base64");
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server: server.url, "certificate-authority-data": ca } }],
    users: [{ name: "test", user: { exec } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    "current-context": "test",
  });
}

const refresh = () =>
  client.mergePatch(ROOT, { metadata: { annotations: { "argocd.argoproj.io/refresh": "normal" } } });

const synced = (revision: string) =>
  waitFor(`Synced and Healthy at ${revision}`, async () => {
    const { sync, health } = (await client.get<Application>(ROOT))?.status ?? {};
    return sync?.revision === revision && sync.status === "Synced" && health?.status === "Healthy";
  });

async function complaint(): Promise<string> {
  const { conditions = [] } = (await client.get<Application>(ROOT))?.status ?? {};
  return conditions.map(({ message }) => message).join("; ");
}

async function colour(): Promise<string | undefined> {
  return (await client.get<{ data?: Record<string, string> } & KubernetesManifest>(CONFIG_MAP))?.data?.colour;
}
