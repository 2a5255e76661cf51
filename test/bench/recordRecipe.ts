import { X509Certificate } from "node:crypto";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join, relative } from "node:path";
import type { KubernetesClient, KubernetesManifest } from "../../src/clients/KubernetesClient.ts";
import { KubernetesDiscovery } from "../../src/clients/KubernetesDiscovery.ts";
import type { VaultClient } from "../../src/clients/VaultClient.ts";
import type { GitServerConfiguration } from "../../src/daemons/git/GitServerConfiguration.ts";
import type { RenewerConfiguration } from "../../src/daemons/renewer/RenewerConfiguration.ts";
import { PORT_NAMES, StackLayout } from "../../src/machine/StackLayout.ts";
import { REFRESH_ANNOTATION } from "../../src/manifests/argocd/refreshAnnotation.ts";
import { STACK_LABEL } from "../../src/manifests/marks.ts";
import { GIT_READER, nameInVault } from "../../src/manifests/vault/trustNames.ts";
import { adminKubernetesClient } from "../../src/resources/cluster/adminKubernetesClient.ts";
import { inventoryOf } from "../../src/resources/kubernetes/KubernetesInventory.ts";
import type { ProcessInputs } from "../../src/resources/local/ProcessInputs.ts";
import { operatorVaultClient } from "../../src/resources/vault/operatorVaultClient.ts";
import { readSealedShares } from "../../src/resources/vault/SealedShares.ts";
import { endVaultSessions } from "../../src/resources/vault/vaultSessions.ts";
import type { Recipe, RecordedCertificate, RecordedObject, RecordedServer, VaultWrite } from "./floor/Recipe.ts";

/** Files of `etc/` that no server of the floor reads. */
const NOT_OF_THE_FLOOR = /\.kubeconfig$|^etc\/(renewer|identity-broker)\.json$/;

type Template = <T>(value: T) => T;

/** What a stack that is up is made of, read from its folder, its API server and its Vault. */
export async function recordRecipe(stack: string, directory: string): Promise<Recipe> {
  const layout = new StackLayout(directory);
  const kubernetes = await adminKubernetesClient(layout);
  const memory = new Map();
  try {
    const generation = await generationOf(kubernetes);
    const template = await templateOf(layout, generation);
    const [git, renewer] = await Promise.all([
      readJson<GitServerConfiguration>(layout.etc("git-server.json")),
      readJson<RenewerConfiguration>(layout.etc("renewer.json")),
    ]);
    const vault = await operatorVaultClient({
      ...{ stack, layout, memory, address: renewer.vaultAddress, authority: "platform" },
      kubernetes: async () => kubernetes,
      now: () => new Date(),
    });
    const source = layout.repository(renewer.repository);
    const { definitions, objects } = await recordObjects(kubernetes, stack);
    return {
      git: git.git,
      ports: PORT_NAMES,
      certificates: await recordCertificates(layout),
      files: template(await recordFiles(directory)),
      servers: template(await recordServers(layout)),
      definitions: template(definitions),
      objects: template(objects),
      vault: template(await recordVault(vault, { layout, stack, mount: renewer.mount })),
      repository: {
        source,
        revision: (await readFile(join(source, "refs", "heads", "main"), "utf8")).trim(),
        ...template({ name: renewer.repository, url: renewer.url, mount: renewer.mount, oidcRole: renewer.oidcRole }),
        role: GIT_READER.role,
        reader: GIT_READER.serviceAccount,
      },
    };
  } finally {
    await endVaultSessions(memory);
    await kubernetes.close();
  }
}

/** What differs from one stack to the next, or is secret, gives way to its placeholder in every text of a value. */
async function templateOf(layout: StackLayout, generation: string): Promise<Template> {
  const [ports, redisPassword, encryption, platformCa, issuerKey] = await Promise.all([
    readJson<Record<string, number>>(layout.ports),
    readTrimmed(layout.etc("redis.password")),
    readTrimmed(layout.etc("encryption.json")),
    readTrimmed(layout.pki("platform", "ca.crt")),
    readTrimmed(layout.pki("kubernetes", "service-account.pub")),
  ]);
  const texts: [string, string][] = [
    [layout.directory, "directory"],
    [platformCa, "platform-ca"],
    [issuerKey, "issuer-key"],
    [redisPassword, "redis-password"],
    [/"secret":"([^"]+)"/.exec(encryption)?.[1] ?? "", "encryption-key"],
    [generation, "generation"],
    [generation.slice(0, 8), "generation.short"],
  ];
  const missing = texts.find(([text]) => text === "");
  if (missing !== undefined) throw new Error(`the stack in ${layout.directory} has no ${missing[1]}`);
  const portOf = new Map(Object.entries(ports).map(([name, port]) => [String(port), name]));
  const replace = (text: string) =>
    texts
      .reduce((filled, [from, to]) => filled.replaceAll(from, `{${to}}`), text)
      .replace(/\b\d{5}\b/g, (digits) => (portOf.has(digits) ? `{port.${portOf.get(digits)}}` : digits));
  return <T>(value: T) =>
    JSON.parse(JSON.stringify(value), (_key, inner) => (typeof inner === "string" ? replace(inner) : inner)) as T;
}

async function recordFiles(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(join(directory, "etc"), { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const kept = paths.filter((path) => !NOT_OF_THE_FLOOR.test(relative(directory, path)));
  return Object.fromEntries(
    await Promise.all(kept.map(async (path) => [relative(directory, path), await readFile(path, "utf8")] as const)),
  );
}

/** The servers that are not our own, by what they run as. */
async function recordServers(layout: StackLayout): Promise<Record<string, RecordedServer>> {
  const specs = (await readdir(layout.run(""))).filter((file) => file.endsWith(".json"));
  const inputs = await Promise.all(specs.map((file) => readJson<ProcessInputs>(layout.run(file))));
  const recorded = inputs
    .filter(({ tool }) => tool !== "dayzero")
    .map(async ({ name, args, environment, secretEnvironment, links, files, argv0 }) => {
      const pid = (await readFile(layout.pidFile(name), "utf8")).split("\n")[0];
      const programs = Object.keys(links).map(
        async (link) => [link, await readlink(layout.run(join("bin", name, link)))] as const,
      );
      const server: RecordedServer = {
        program: await readlink(`/proc/${pid}/exe`),
        links: Object.fromEntries(await Promise.all(programs)),
        ...{ args, environment, secretEnvironment, files, argv0 },
      };
      return [name, server] as const;
    });
  return Object.fromEntries(await Promise.all(recorded));
}

async function recordCertificates(layout: StackLayout): Promise<RecordedCertificate[]> {
  const files = await readdir(layout.pki("", ""), { recursive: true });
  const leaves = files.filter((file) => file.endsWith(".crt") && !file.endsWith("/ca.crt"));
  return Promise.all(
    leaves.map(async (file) => {
      const [authority = "", leaf = ""] = file.split("/");
      const {
        subject,
        subjectAltName = "",
        keyUsage,
      } = new X509Certificate(await readFile(layout.pki(authority, leaf)));
      const names = (kind: string) =>
        subjectAltName.split(", ").flatMap((name) => (name.startsWith(kind) ? [name.slice(kind.length)] : []));
      return {
        authority,
        name: leaf.slice(0, -".crt".length),
        commonName: /CN=(.+)/.exec(subject)?.[1] ?? "",
        dnsNames: names("DNS:"),
        ipAddresses: names("IP Address:"),
        usages: keyUsage,
      };
    }),
  );
}

async function recordObjects(
  client: KubernetesClient,
  stack: string,
): Promise<{ definitions: RecordedObject[]; objects: RecordedObject[] }> {
  const discovery = new KubernetesDiscovery((path) => client.request("GET", path));
  const record = async (object: KubernetesManifest): Promise<RecordedObject> => {
    const { namespace, name } = object.metadata;
    const ref = { apiVersion: object.apiVersion, kind: object.kind, name, ...(namespace && { namespace }) };
    return { path: await discovery.path(ref), body: declared(object) };
  };
  const definition = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };
  const definitions = await client.list(definition, { labelSelector: `${STACK_LABEL}=${stack}` });
  const ids = await inventoryOf(client, stack).list();
  const objects = ids.map(async (id) => {
    const [group = "", kind = "", namespace = "", name = ""] = id.split("/");
    const apiVersion = (await client.apiVersion(group === "core" ? "" : group, kind)) ?? "";
    const found = await client.get({ apiVersion, kind, name, ...(namespace === "" ? {} : { namespace }) });
    if (found === undefined) throw new Error(`${id} stands in the inventory and is not there`);
    return record(found);
  });
  return { definitions: await Promise.all(definitions.map(record)), objects: await Promise.all(objects) };
}

/** Without what servers and controllers add. */
function declared({ apiVersion, kind, metadata, ...content }: KubernetesManifest): RecordedObject["body"] {
  const { name, namespace, labels, annotations = {} } = metadata;
  const added = ["status", "operation", ...(kind === "Namespace" ? ["spec"] : [])];
  const without = (values: object, names: readonly string[]) =>
    Object.fromEntries(Object.entries(values).filter(([key]) => !names.includes(key)));
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace && { namespace }),
      ...(labels && { labels }),
      annotations: without(annotations, [REFRESH_ANNOTATION]),
    },
    ...without(content, added),
  };
}

async function recordVault(
  vault: VaultClient,
  { layout, stack, mount }: { layout: StackLayout; stack: string; mount: string },
): Promise<Recipe["vault"]> {
  const sealed = await readSealedShares(layout);
  if (sealed?.state !== "sealed") throw new Error("the stack has no sealed shares");
  const read = async (path: string): Promise<VaultWrite> => ({ path, body: (await vault.read<object>(path)) ?? {} });
  const own = (name: string) => name.startsWith(nameInVault(stack, ""));
  const all = async (folder: string, which: (name: string) => boolean = own) =>
    Promise.all((await vault.list(folder)).filter(which).map((name) => read(`${folder}/${name}`)));
  const policies = await all("sys/policies/acl");
  const mounted = { path: `sys/auth/${mount}`, body: { type: "jwt" } };
  const { address } = vault;
  return {
    shares: sealed.shares.length,
    threshold: sealed.threshold,
    writes: [
      [
        ...policies.map(({ path, body }) => ({ path, body: { policy: (body as { policy: string }).policy } })),
        mounted,
        { path: "identity/oidc/config", body: { issuer: address } },
        ...(await all("identity/oidc/key")),
      ],
      [
        await read(`auth/${mount}/config`),
        ...(await all(`auth/${mount}/role`, () => true)),
        ...(await all("identity/oidc/role")),
      ],
    ],
  };
}

async function generationOf(client: KubernetesClient): Promise<string> {
  const namespace = await client.get({ apiVersion: "v1", kind: "Namespace", name: "kube-system" });
  return namespace?.metadata.uid ?? "";
}

async function readTrimmed(path: string): Promise<string> {
  return (await readFile(path, "utf8")).trim();
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, "utf8")) as T;
}
