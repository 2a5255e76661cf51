import { createHash } from "node:crypto";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import type { VaultClient } from "../../../src/clients/VaultClient.ts";
import type { Context } from "../../../src/resources/Resource.ts";
import { startApiServer } from "../../support/apiserver.ts";
import { localContext } from "../../support/localContext.ts";
import { Platform } from "../git/Platform.ts";
import { TokenIssuer } from "../vault/TokenIssuer.ts";
import { VaultStack } from "../vault/VaultStack.ts";

type Tools = Readonly<Record<string, string>>;

/** A real system that resources are converged in. */
export interface System {
  /** Of a run that writes. */
  readonly context: Context;
  /** What is in it, for comparing: a dry run must leave it as it is. */
  snapshot(): Promise<unknown>;
  close(): Promise<void>;
}

/** A state folder of its own, below a folder where a test may put what is not the stack's. */
export interface FolderSystem extends System {
  readonly root: string;
}

export async function folderSystem(tools: Tools): Promise<FolderSystem> {
  const root = await mkdtemp(join(tmpdir(), "dz-equals-"));
  const directory = join(root, "stack");
  for (const folder of ["home", "run", "logs", "tmp"]) {
    await mkdir(join(directory, folder), { recursive: true, mode: 0o700 });
  }
  return {
    root,
    context: localContext(directory, { tools: { ...tools, git: "git" } }),
    snapshot: () => filesIn(directory),
    close: () => rm(root, { recursive: true, force: true }),
  };
}

/** An API server without controllers. */
export async function clusterSystem(tools: Tools): Promise<System> {
  const server = await startApiServer(tools);
  const client: KubernetesClient = server.client();
  const context: Context = {
    ...localContext(server.directory, { tools: { ...tools, definitions: server.directory } }),
    kubernetes: async () => client,
  };
  const mutations: string[] = [];
  return {
    context,
    async snapshot() {
      mutations.push(...(await server.mutations()));
      return [...mutations];
    },
    async close() {
      await client.close();
      await server.stop();
    },
  };
}

/** A Vault of its own. Its initial root token stays until a row revokes it: tests may change what the stack may not. */
export interface VaultSystem extends System {
  readonly stack: VaultStack;
}

export async function vaultSystem(tools: Tools): Promise<VaultSystem> {
  const stack = await VaultStack.create(tools.bao ?? "", new TokenIssuer());
  const close = (): Promise<void> => stack.down();
  try {
    await stack.server();
    await stack.initialization();
  } catch (error) {
    await close();
    throw error;
  }
  const context = { ...stack.context, signal: new AbortController().signal };
  return {
    stack,
    context,
    snapshot: async () => [
      await filesIn(stack.plan.directory, ["data", "logs"]),
      // One that is sealed or empty tells nothing.
      await context
        .vault()
        .then(settingsIn)
        .catch(() => undefined),
    ],
    close,
  };
}

/** Another one, for what ends or begins a Vault. */
export const mortalVaultSystem = (tools: Tools): Promise<VaultSystem> => vaultSystem(tools);

async function settingsIn(vault: VaultClient): Promise<unknown> {
  const below = async (path: string): Promise<unknown[]> =>
    Promise.all((await vault.list(path)).map(async (name) => [name, await vault.read(`${path}/${name}`)]));
  const mounts = Object.keys((await vault.read<object>("sys/auth")) ?? {}).filter((path) =>
    path.startsWith("dayzero/"),
  );
  return {
    mounts: await Promise.all(
      mounts.map(async (mount) => [mount, await vault.read(`auth/${mount}config`), await below(`auth/${mount}role`)]),
    ),
    auth: await vault.read("sys/auth"),
    policies: await below("sys/policies/acl"),
    keys: await below("identity/oidc/key"),
    roles: await below("identity/oidc/role"),
    issuer: await vault.read("identity/oidc/config"),
  };
}

/** Path, mode and digest of every file. */
async function filesIn(directory: string, except: readonly string[] = ["logs"]): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const described = entries.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    const name = relative(directory, path);
    if (except.includes(name.split("/")[0] ?? "")) return [];
    const { mode } = await lstat(path);
    const content = entry.isFile()
      ? createHash("sha256")
          .update(await readFile(path))
          .digest("hex")
      : "";
    return [`${name} ${mode.toString(8)} ${content}`];
  });
  return (await Promise.all(described)).flat().sort();
}

export interface PlatformSystem extends System {
  readonly platform: Platform;
}

/** A whole stack. Nothing renews its credential meanwhile. */
export async function platformSystem(tools: Tools): Promise<PlatformSystem> {
  const platform = await Platform.create(tools);
  await platform.kill("renewer");
  return {
    platform,
    context: platform.context,
    snapshot: () => platform.kubernetes.list({ apiVersion: "v1", kind: "Secret" }),
    close: () => platform.dispose(),
  };
}
