import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePorts } from "../../../src/machine/freePorts.ts";
import { createAuthority, issueCertificate } from "../../../src/machine/issueCertificate.ts";
import { CONTROLLER_ENVIRONMENT, controllerArguments } from "../../../src/manifests/argocd/controllerArguments.ts";
import { REDIS_PASSWORD_FILE, redisConfiguration } from "../../../src/manifests/argocd/redisConfiguration.ts";
import { REPO_SERVER_ENVIRONMENT, repoServerArguments } from "../../../src/manifests/argocd/repoServerArguments.ts";
import { waitFor } from "../../support/waitFor.ts";

const PASSWORD = "cache-password-of-a-test";

/** The three processes of Argo CD with the arguments and the environment that a stack gives them, and a folder laid out like a stack's. */
export class ArgoCd {
  readonly #directory: string;
  readonly #tools: Record<string, string>;
  readonly #children: ChildProcess[] = [];

  constructor(directory: string, tools: Record<string, string>) {
    this.#directory = directory;
    this.#tools = tools;
  }

  /** `kubeconfig` is the application controller's. */
  async start(kubeconfig: string): Promise<void> {
    const [redis = 0, own = 0, repoMetrics = 0, metrics = 0] = await freePorts(4, new Set());
    await this.#layOut(kubeconfig, redis);
    this.#spawn("redis", "redis-server", "redis-server", ["etc/redis.conf"], {});
    this.#spawn(
      "argocd-repo-server",
      "argocd",
      "argocd-repo-server",
      repoServerArguments({ own, metrics: repoMetrics, redis }),
      { ...REPO_SERVER_ENVIRONMENT, REDIS_PASSWORD: PASSWORD },
    );
    await this.#healthy("repo server", repoMetrics);
    this.#spawn(
      "argocd-application-controller",
      "argocd",
      "argocd-application-controller",
      controllerArguments({ repoServer: own, metrics, redis }),
      { ...CONTROLLER_ENVIRONMENT, REDIS_PASSWORD: PASSWORD },
    );
    await this.#healthy("application controller", metrics);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exited = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await exited;
      }),
    );
  }

  async #layOut(kubeconfig: string, redisPort: number): Promise<void> {
    const at = (path: string) => join(this.#directory, path);
    const files = "run/files/argocd-repo-server/reposerver/tls";
    const folders = ["etc/argocd/tls", "etc/argocd/controller/tls", files, "data/redis", "data/argocd-repo-server"];
    for (const folder of [...folders, "home", "tmp", "run/bin"]) await mkdir(at(folder), { recursive: true });
    const now = new Date();
    const notAfter = new Date(now.getTime() + 3_600_000);
    const authority = await createAuthority("test", { now, notAfter });
    const leaf = await issueCertificate(
      { commonName: "repo-server", ipAddresses: ["127.0.0.1"], usages: ["server"] },
      authority,
      { now, notAfter },
    );
    const redis = redisConfiguration(redisPort).replace(`{{file:${REDIS_PASSWORD_FILE}}}`, PASSWORD);
    await Promise.all([
      writeFile(at(`${files}/tls.crt`), leaf.certificate),
      writeFile(at(`${files}/tls.key`), leaf.key.reveal(), { mode: 0o600 }),
      writeFile(at("etc/argocd/controller/tls/ca.crt"), authority.certificate),
      writeFile(at("etc/argocd-controller.kubeconfig"), kubeconfig, { mode: 0o600 }),
      writeFile(at("etc/redis.conf"), redis, { mode: 0o600 }),
    ]);
  }

  #spawn(name: string, tool: string, argv0: string, args: string[], environment: Record<string, string>): void {
    const child = spawn(this.#tools[tool] ?? tool, args, {
      argv0,
      cwd: this.#directory,
      stdio: "ignore",
      env: {
        PATH: `${join(this.#directory, "run/bin")}:/usr/bin:/bin`,
        LANG: "C.UTF-8",
        HOME: join(this.#directory, "home"),
        TMPDIR: join(this.#directory, "tmp"),
        ...Object.fromEntries(
          Object.entries(environment).map(([key, value]) => [key, value.replaceAll("{directory}", this.#directory)]),
        ),
      },
    });
    child.once("error", (error) => {
      throw new Error(`cannot start ${name}`, { cause: error });
    });
    this.#children.push(child);
  }

  /** Commands that the repo server finds on its PATH. */
  async link(names: readonly string[]): Promise<void> {
    await mkdir(join(this.#directory, "run/bin"), { recursive: true });
    for (const name of names) {
      const link = join(this.#directory, "run/bin", name);
      await rm(link, { force: true });
      await symlink(this.#tools[name] ?? name, link);
    }
  }

  async #healthy(what: string, port: number): Promise<void> {
    await waitFor(what, async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok, 60);
  }
}
