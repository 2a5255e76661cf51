import { fileURLToPath } from "node:url";
import type { KubernetesClient } from "../../src/clients/KubernetesClient.ts";
import { StackLayout } from "../../src/machine/StackLayout.ts";
import { adminKubernetesClient } from "../../src/resources/cluster/adminKubernetesClient.ts";
import { generationResource } from "../../src/resources/cluster/GenerationResource.ts";
import { objectResource } from "../../src/resources/kubernetes/ObjectResource.ts";
import { authorityResource } from "../../src/resources/local/AuthorityResource.ts";
import { dataFolderResource } from "../../src/resources/local/DataFolderResource.ts";
import { fileResource } from "../../src/resources/local/FileResource.ts";
import { portsResource } from "../../src/resources/local/PortsResource.ts";
import { processResource } from "../../src/resources/local/ProcessResource.ts";
import { secretFileResource } from "../../src/resources/local/SecretFileResource.ts";
import type { Change, Context, Resource } from "../../src/resources/Resource.ts";

const DAEMONS = fileURLToPath(new URL("daemonEntry.ts", import.meta.url));

const RESOURCES = new Map(
  [
    authorityResource,
    dataFolderResource,
    fileResource,
    generationResource,
    objectResource,
    portsResource,
    processResource,
    secretFileResource,
  ].map((resource) => [resource.type as string, resource as unknown as Resource<unknown, object>]),
);

/** A {@link Context} for the resources of the local and cluster rooms, without Vault; `close` ends its connections. */
export function localContext(
  directory: string,
  options: { tools?: Readonly<Record<string, string>>; dryRun?: boolean; now?: () => Date; signal?: AbortSignal } = {},
): Context & { narrated: string[]; close(): Promise<void> } {
  let client: Promise<KubernetesClient> | undefined;
  const narrated: string[] = [];
  return {
    stack: "test",
    directory,
    dryRun: options.dryRun ?? false,
    signal: options.signal ?? new AbortController().signal,
    now: options.now ?? (() => new Date()),
    tool(name) {
      if (name === "dayzero") return [process.execPath, DAEMONS];
      const path = options.tools?.[name];
      if (path === undefined) throw new Error(`no tool ${name} in this test`);
      return [path];
    },
    narrate: (message) => narrated.push(message),
    async kubernetes() {
      client ??= adminKubernetesClient(new StackLayout(directory));
      return client;
    },
    vault: () => Promise.reject(new Error("no Vault in this test")),
    memory: new Map(),
    narrated,
    close: async () => (await client)?.close(),
  };
}

/** What a resource was found to need, in the order in which the program registered them. */
export interface Converged {
  readonly type: string;
  readonly id: string;
  readonly changes: readonly Change[];
  readonly live: object;
}

/** Runs a Pulumi program in this process: read, plan and apply of each resource as it is registered, in its order of dependence. */
export async function convergeHere(program: () => void, ctx: Context): Promise<Converged[]> {
  const { setMocks } = await import("@pulumi/pulumi/runtime/mocks.js");
  const { disconnect } = await import("@pulumi/pulumi/runtime/settings.js");
  const done: Converged[] = [];
  let failure: { error: unknown } | undefined;
  await setMocks(
    {
      call: () => ({}),
      async newResource({ type, name, inputs }) {
        try {
          if (failure !== undefined) return { id: name, state: {} };
          const { id, live, changes } = await converge(type, name, inputs as Record<string, unknown>, ctx);
          done.push({ type, id, changes, live });
          return { id, state: { ...inputs, ...live } };
        } catch (error) {
          // A rejection here would hang the program.
          failure ??= { error };
          return { id: name, state: {} };
        }
      },
    },
    "dayzero",
    "test",
  );
  program();
  await disconnect();
  if (failure !== undefined) throw failure.error;
  return done;
}

async function converge(
  type: string,
  name: string,
  given: Record<string, unknown>,
  ctx: Context,
): Promise<{ id: string; live: object; changes: Change[] }> {
  const resource = RESOURCES.get(type);
  if (resource === undefined) {
    return { id: name, live: {}, changes: [] };
  }
  const declared = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const desired = resource.inputs.parse(declared);
  const id = resource.identify(desired);
  const found = await resource.read(id, ctx, desired);
  const changes = resource.plan(found, desired);
  const live = found !== undefined && changes.length === 0 ? found : await resource.apply(changes, desired, ctx);
  return { id, live: resource.outputs?.(live) ?? live, changes };
}
