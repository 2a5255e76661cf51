import { mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createContext } from "../../../src/cli/createContext.ts";
import type { KubernetesClient, KubernetesManifest } from "../../../src/clients/KubernetesClient.ts";
import type { AccessLine } from "../../../src/daemons/git/gitServer.ts";
import type { RenewerConfiguration } from "../../../src/daemons/renewer/RenewerConfiguration.ts";
import { converge } from "../../../src/hosts/converge/converge.ts";
import { type RepositorySecretState, repositorySecretState } from "../../../src/issuers/RepositorySecretState.ts";
import { isAlive } from "../../../src/machine/DetachedProcess.ts";
import { serverUrl } from "../../../src/machine/readPorts.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { socketPath } from "../../../src/machine/socketPath.ts";
import { jwtMountName, oidcRoleName } from "../../../src/manifests/vault/trustNames.ts";
import {
  type RepositoryCredentialInputs,
  repositoryCredentialResource,
} from "../../../src/resources/gitops/RepositoryCredentialResource.ts";
import { processInputs } from "../../../src/resources/local/ProcessInputs.ts";
import { type ProcessLive, processResource } from "../../../src/resources/local/ProcessResource.ts";
import type { Context } from "../../../src/resources/Resource.ts";
import { loadResource } from "../../../src/resources/registry.ts";
import { initializationResource } from "../../../src/resources/vault/InitializationResource.ts";
import { type AuditEvent, auditEvents } from "../../support/auditLog.ts";
import { waitFor } from "../../support/waitFor.ts";

export const SECRET = { apiVersion: "v1", kind: "Secret", namespace: "argocd", name: "repo-fleet" };
export const APPLICATION = {
  apiVersion: "argoproj.io/v1alpha1",
  kind: "Application",
  namespace: "argocd",
  name: "root",
};
/** How the API server names who renews and refreshes. */
export const GIT_READER = "system:serviceaccount:dayzero-system:git-reader";
const ROLE = `identity/oidc/role/${oidcRoleName("test", "fleet")}`;
const ENTRY = fileURLToPath(new URL("../../../src/cli/dayzero.js", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../../support/programs/gitAccess.ts", import.meta.url));
const PROCESSES = [
  "renewer",
  "identity-broker",
  "git-server",
  "vault",
  "kube-controller-manager",
  "kube-apiserver",
  "etcd",
] as const;

export type PlatformProcess = (typeof PROCESSES)[number];

/**
 * A stack as `dayzero up` makes it, in a folder of its own, except that no Argo CD runs: etcd, API server, identity broker,
 * OpenBao, Git server and renewer are the real programs, converged by the real host.
 */
export class Platform {
  readonly layout: StackLayout;
  readonly context: Context;
  /** The administrator's. */
  readonly kubernetes: KubernetesClient;
  /** PEM of the authority that the API server's certificate is from. */
  readonly clusterCa: string;
  readonly credential: RepositoryCredentialInputs;
  readonly #close: () => Promise<void>;
  /** Length of the renewer's log when it was last started. */
  #logged = 0;

  private constructor(options: {
    context: Context;
    kubernetes: KubernetesClient;
    clusterCa: string;
    credential: RepositoryCredentialInputs;
    close: () => Promise<void>;
  }) {
    this.context = options.context;
    this.layout = new StackLayout(options.context.directory);
    this.kubernetes = options.kubernetes;
    this.clusterCa = options.clusterCa;
    this.credential = options.credential;
    this.#close = options.close;
  }

  /** In a new folder, or in this one, which has to be absolute and without links. */
  static async create(tools: Readonly<Record<string, string>>, directory?: string): Promise<Platform> {
    const layout = new StackLayout(directory ?? (await realpath(await mkdtemp(join(tmpdir(), "dz-git-")))));
    const { signal } = new AbortController();
    const { context, close } = createContext({
      stack: "test",
      layout,
      dryRun: false,
      signal,
      program: [process.execPath, ENTRY],
      tools: new Map([["git", "git"], ...Object.entries(tools)]),
      narrate: () => undefined,
    });
    try {
      await converge({
        stack: "test",
        project: "dayzero",
        program: PROGRAM,
        config: {},
        dryRun: false,
        context,
        handlers: loadResource,
        onEvent: () => undefined,
        node: process.execPath,
        environment: { PATH: process.env.PATH ?? "", HOME: layout.home },
        signal,
        compileCache: join(tmpdir(), `dayzero-test-compiled-${process.getuid?.()}`),
      });
      const kubernetes = await context.kubernetes();
      const [system, ports, ca, clusterCa] = await Promise.all([
        kubernetes.get({ apiVersion: "v1", kind: "Namespace", name: "kube-system" }),
        readFile(layout.ports, "utf8").then((text) => JSON.parse(text) as Record<string, number>),
        readFile(layout.pki("platform", "ca.crt"), "utf8"),
        readFile(layout.pki("kubernetes", "ca.crt"), "utf8"),
      ]);
      const generation = system?.metadata.uid ?? "";
      const credential = repositoryCredentialResource.inputs.parse({
        repository: "fleet",
        url: `https://127.0.0.1:${ports.git}/fleet.git`,
        namespace: SECRET.namespace,
        generation,
        vaultAddress: await serverUrl(layout, "vault"),
        mount: jwtMountName("test", generation),
        oidcRole: oidcRoleName("test", "fleet"),
        vaultCa: ca,
        gitCa: ca,
      });
      return new Platform({ context, kubernetes, clusterCa, credential, close });
    } catch (error) {
      await close();
      await tearDown(context);
      throw error;
    }
  }

  async dispose(): Promise<void> {
    await this.#close();
    await tearDown(this.context);
  }

  /** What `dayzero up` does about the credential. */
  async renew({ context = this.context, desired = this.credential } = {}) {
    const { read, plan, apply, identify } = repositoryCredentialResource;
    const found = await read(identify(desired), context, desired);
    const changes = plan(found, desired);
    if (found !== undefined && changes.length === 0) return { changes, live: found };
    return { changes, live: await apply(changes, desired, context) };
  }

  async secret(): Promise<KubernetesManifest> {
    const secret = await this.kubernetes.get(SECRET);
    if (secret === undefined) throw new Error("there is no Secret");
    return secret;
  }

  async inPlace(): Promise<RepositorySecretState> {
    return repositorySecretState(await this.secret());
  }

  async passwordInPlace(): Promise<string> {
    const { password = "" } = (await this.secret()).data as { password?: string };
    return Buffer.from(password, "base64").toString();
  }

  /** Puts something else in the credential's place, behind everybody's back. */
  async overwrite(password: string): Promise<void> {
    const data = { password: Buffer.from(password).toString("base64") };
    await this.kubernetes.mergePatch(SECRET, { data });
  }

  /** Changes what Vault signs for the repository until the returned function is called. */
  async changeRole(change: object): Promise<() => Promise<void>> {
    const before = await (await this.context.vault()).read<object>(ROLE);
    await (await this.context.vault()).write(ROLE, { ...before, ...change });
    return async () => {
      await (await this.context.vault()).write(ROLE, before);
    };
  }

  /** Kills a process of the stack; resolves once it is gone, with what starts it again as it was. */
  async kill(name: PlatformProcess): Promise<() => Promise<void>> {
    const inputs = processInputs.parse(JSON.parse(await readFile(this.layout.processSpec(name), "utf8")));
    const running = await processResource.read(name, this.context);
    if (running !== undefined) await end(running);
    return async () => {
      await processResource.apply([], inputs, this.context);
    };
  }

  /** Starts the renewer anew, so that it knows of nothing. */
  async restartRenewer(): Promise<void> {
    const start = await this.kill("renewer");
    this.#logged = (await readFile(this.layout.log("renewer"), "utf8")).length;
    await start();
  }

  /** Changes what the renewer reads at its next start until the returned function is called. */
  async configureRenewer(change: Partial<RenewerConfiguration>): Promise<() => Promise<void>> {
    const path = this.layout.etc("renewer.json");
    const before = await readFile(path, "utf8");
    await writeFile(path, JSON.stringify({ ...(JSON.parse(before) as RenewerConfiguration), ...change }));
    return () => writeFile(path, before);
  }

  /** What the renewer has logged since it was last started. */
  async renewerLog(): Promise<string> {
    return (await readFile(this.layout.log("renewer"), "utf8")).slice(this.#logged);
  }

  askRenewer(method: string, path: string): Promise<{ status: number; body: Record<string, unknown> }> {
    return new Promise((resolve, reject) => {
      const options = { socketPath: socketPath(this.layout.renewerSocket), method, path, agent: false };
      const sent = httpRequest(options, async (response) => {
        let text = "";
        for await (const chunk of response) text += String(chunk);
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> });
      });
      sent.on("error", reject);
      sent.end();
    });
  }

  /** What `dayzero up` does about a Vault that was started again. */
  async unsealVault(): Promise<void> {
    const { vaultAddress: address } = this.credential;
    const inputs = initializationResource.inputs.parse({
      address,
      authority: "platform",
      recipients: [],
      shares: 1,
      threshold: 1,
    });
    const found = await initializationResource.read(initializationResource.identify(inputs), this.context);
    await initializationResource.apply(initializationResource.plan(found, inputs), inputs, this.context);
  }

  async gitLog(): Promise<AccessLine[]> {
    const lines = (await readFile(this.layout.log("git-server"), "utf8")).split("\n");
    // What it tells of other processes of the stack has an event in place of a path.
    return lines
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as AccessLine)
      .filter(({ path }) => path !== undefined);
  }

  audit(): Promise<AuditEvent[]> {
    return auditEvents(this.layout.log("audit"));
  }

  /** What the Git reader asked of the API server about one kind of objects, in order. */
  async requestsOfReader(resource: string): Promise<AuditEvent[]> {
    const events = await this.audit();
    return events.filter((event) => event.user.username === GIT_READER && event.objectRef?.resource === resource);
  }
}

async function tearDown(context: Context): Promise<void> {
  // Nothing is kept, so nothing has to end well.
  await Promise.all(
    PROCESSES.map(async (name) => {
      const running = await processResource.read(name, context);
      if (running !== undefined) await end(running);
    }),
  );
  await rm(context.directory, { recursive: true, force: true });
}

/** Kills a process; resolves once its last thread is gone, and with it what it listened on. */
async function end(running: ProcessLive): Promise<void> {
  process.kill(running.pid, "SIGKILL");
  await waitFor(`the end of ${running.name}`, async () => !(await isAlive(running)));
}
