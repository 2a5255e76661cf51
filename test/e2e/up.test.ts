import { execFile } from "node:child_process";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubernetesClient } from "../../src/clients/KubernetesClient.ts";
import { StackLayout } from "../../src/machine/StackLayout.ts";
import { adminKubernetesClient } from "../../src/resources/cluster/adminKubernetesClient.ts";
import { auditEvents, mutates } from "../support/auditLog.ts";
import { listeners } from "../support/listeners.ts";
import { peakMemory } from "../support/peakMemory.ts";
import { finish, Stack } from "../support/Stack.ts";
import { waitFor } from "../support/waitFor.ts";

interface LedgerLine {
  what: string;
  where: string;
  expiresAt: string | null;
  residual: boolean;
}
interface UpResult {
  ok: boolean;
  stack: string;
  elapsedMs: number;
  phases: { name: string; ms: number }[];
  revision: string;
  controller: string;
  generation: string;
  ledger: LedgerLine[];
}
interface StatusResult {
  healthy: boolean;
  revision: string;
  credentials: { name: string; issuer: string; expiresAt: string; nextRenewal: string }[];
  processes: { name: string; pid: number | null; healthy: boolean }[];
  ledger: LedgerLine[];
}
interface Application {
  status?: { sync?: { status?: string; revision?: string }; health?: { status?: string }; reconciledAt?: string };
}

const run = promisify(execFile);
const ROOT_APPLICATION = { apiVersion: "argoproj.io/v1alpha1", kind: "Application", namespace: "argocd", name: "root" };

let stack: Stack;
let layout: StackLayout;
let first: UpResult;
let peakMegabytes: number;
let kubernetes: KubernetesClient;

beforeAll(async () => {
  stack = await Stack.create();
  layout = new StackLayout(stack.directory);
  const up = stack.spawn("up", "--json");
  const [finished, peak] = await Promise.all([finish(up), peakMemory(up.pid ?? 0)]);
  expect(finished.code, finished.stdout + finished.stderr).toBe(0);
  first = JSON.parse(finished.stdout) as UpResult;
  peakMegabytes = peak;
  kubernetes = await adminKubernetesClient(layout);
}, 300_000);

afterAll(async () => {
  kubernetes?.close();
  await stack?.dispose();
});

async function application(): Promise<Application> {
  return (await kubernetes.get<Application>(ROOT_APPLICATION)) ?? {};
}

async function syncedAt(revision: string): Promise<boolean> {
  const { status } = await application();
  return status?.sync?.status === "Synced" && status.sync.revision === revision && status.health?.status === "Healthy";
}

/** A person's clone of the stack's repository. */
async function clone(): Promise<string> {
  const folder = join(stack.root, `clone-${performance.now()}`);
  await run("git", ["clone", "-q", layout.repository("fleet"), folder]);
  return folder;
}

/** Commits what is in the working tree and pushes it; returns the new revision and what the hook said. */
async function push(folder: string): Promise<{ revision: string; said: string }> {
  const git = (...words: string[]) =>
    run("git", ["-C", folder, "-c", "user.name=p", "-c", "user.email=p@example.org", ...words]);
  await git("add", "-A");
  await git("commit", "-qm", "change");
  const { stderr } = await git("push", "-q");
  return { revision: (await git("rev-parse", "HEAD")).stdout.trim(), said: stderr };
}

describe("up from nothing", () => {
  test("reports the phases, the reconciled revision and the ledger", async () => {
    expect(first).toMatchObject({ ok: true, stack: "local", controller: expect.stringMatching(/argo ?cd/i) });
    expect(first.revision).toMatch(/^[0-9a-f]{40}$/);
    expect(first.generation).toMatch(/^[0-9a-f]{8}/);
    expect(first.phases.length).toBeGreaterThanOrEqual(6);
    console.info(
      `up from nothing: ${first.elapsedMs} ms; ${first.phases.map(({ name, ms }) => `${name} ${ms}`).join(", ")}`,
    );
    expect(await syncedAt(first.revision)).toBe(true);
  });

  test("holds at most 350 MB in its two processes", () => {
    console.info(`peak of up and its program: ${peakMegabytes} MB`);
    expect(peakMegabytes).toBeGreaterThan(100);
    expect(peakMegabytes).toBeLessThanOrEqual(350);
  });

  test("leaves both environments reconciled from the repository", async () => {
    for (const namespace of ["staging", "production"]) {
      const deployments = await kubernetes.list<{ metadata: { name: string } }>({
        apiVersion: "apps/v1",
        kind: "Deployment",
        namespace,
      });
      expect(deployments).toHaveLength(2);
    }
  });

  test("leaves the home of its processes empty", async () => {
    expect(await readdir(layout.home, { recursive: true })).toEqual([]);
  });

  test("keeps no root token: none is left, sealed or not", async () => {
    expect(first.ledger.filter(({ what }) => /root token/.test(what))).toEqual([]);
    await expect(readFile(layout.vault("root-token.age"))).rejects.toThrow(/ENOENT/);
  });
});

describe("up again", () => {
  test("changes nothing", async () => {
    const before = (await auditEvents(join(layout.directory, "logs", "audit.log"))).length;
    const again = await stack.run("up", "--json");
    expect(again.code, again.stderr).toBe(0);
    const since = (await auditEvents(join(layout.directory, "logs", "audit.log"))).slice(before);
    const ours = since.filter(({ user }) => !/argocd|kube-controller|system:apiserver|git-reader/.test(user.username));
    expect(ours.length, "the administrator's requests were seen").toBeGreaterThan(20);
    expect(ours.filter(mutates).map(({ verb, requestURI }) => `${verb} ${requestURI}`)).toEqual([]);
    console.info(`up again: ${Math.round(again.milliseconds)} ms`);
  });

  test("plans nothing", async () => {
    const plan = await stack.json<{ changes: unknown[] }>("plan");
    expect(plan.changes).toEqual([]);
  });
});

describe("status", () => {
  test("knows every process, the credential's life and the revision", async () => {
    const status = await stack.json<StatusResult>("status");
    expect(status).toMatchObject({ healthy: true, revision: first.revision });
    expect(status.processes.map(({ name }) => name).sort()).toEqual([
      "argocd-application-controller",
      "argocd-repo-server",
      "etcd",
      "git-server",
      "identity-broker",
      "kube-apiserver",
      "kube-controller-manager",
      "redis",
      "renewer",
      "vault",
    ]);
    const [credential] = status.credentials;
    const now = Date.now();
    expect(Date.parse(credential?.expiresAt ?? "")).toBeGreaterThan(now);
    expect(Date.parse(credential?.expiresAt ?? "")).toBeLessThanOrEqual(now + 600_000);
    expect(Date.parse(credential?.nextRenewal ?? "")).toBeLessThan(Date.parse(credential?.expiresAt ?? ""));
  });
});

describe("what an auditor looks for", () => {
  test("no credential in any process's arguments or environment but what the ledger names", async () => {
    const secret = await kubernetes.get<{ data: Record<string, string> }>({
      apiVersion: "v1",
      kind: "Secret",
      namespace: "argocd",
      name: "repo-fleet",
    });
    const values: Record<string, string> = {
      "git credential": Buffer.from(secret?.data.password ?? "", "base64").toString(),
    };
    for (const authority of ["etcd", "kubernetes", "platform"]) {
      values[`${authority} CA key`] = (await readFile(layout.pki(authority, "ca.key"), "utf8")).split("\n")[1] ?? "";
    }
    values["redis password"] = (await readFile(layout.etc("redis.password"), "utf8")).trim();
    values["age identity"] = /AGE-SECRET-KEY-\S+/.exec(await readFile(layout.vault("identity.txt"), "utf8"))?.[0] ?? "";
    const processes = await stack.processes();
    expect(processes.length).toBeGreaterThanOrEqual(10);
    const found: string[] = [];
    for (const [what, value] of Object.entries(values)) {
      expect(value.length, what).toBeGreaterThan(20);
      for (const { arguments: words, environment } of processes) {
        if (words.includes(value)) found.push(`${what} in arguments of ${words.slice(0, 60)}`);
        const variable = environment.split("\0").find((entry) => entry.includes(value));
        if (variable !== undefined) found.push(`${what} in ${variable.split("=")[0]}`);
      }
    }
    expect([...new Set(found)]).toEqual(["redis password in REDIS_PASSWORD"]);
    expect(first.ledger.some(({ what }) => what.startsWith("REDIS_PASSWORD"))).toBe(true);
  });

  test("nothing used the person's HOME, kubeconfig, Vault token or git configuration", async () => {
    await expect(readFile(stack.trap, "utf8")).rejects.toThrow(/ENOENT/);
    for (const { environment } of await stack.processes()) expect(environment).not.toMatch(/poisoned/);
  });

  test("nothing listens beyond loopback but the controller's metrics", async () => {
    const processes = await stack.processes();
    const open = (await listeners(processes.map(({ pid }) => pid))).filter(
      ({ address }) => !/^127\.|^0{31}1$/.test(address),
    );
    const ports = JSON.parse(await readFile(layout.ports, "utf8")) as Record<string, number>;
    expect([...new Set(open.map(({ port }) => port))]).toEqual([ports["argocd-controller-metrics"]]);
  });
});

describe("a token for somebody else", () => {
  test("is refused by the apiserver when its audience is vault, and the request arrived", async () => {
    const { token } = await kubernetes.serviceAccountToken({
      namespace: "dayzero-system",
      name: "git-reader",
      audiences: ["vault"],
      expirationSeconds: 600,
    });
    const { request } = await import("undici");
    const { Agent } = await import("undici");
    const ports = JSON.parse(await readFile(layout.ports, "utf8")) as Record<string, number>;
    const ca = await readFile(layout.pki("kubernetes", "ca.crt"), "utf8");
    const uri = "/api/v1/namespaces/argocd/secrets/repo-fleet?refused=vault-audience";
    const answer = await request(`https://127.0.0.1:${ports["kube-apiserver"]}${uri}`, {
      dispatcher: new Agent({ connect: { ca } }),
      headers: { authorization: `Bearer ${token.reveal()}` },
    });
    expect(answer.statusCode).toBe(401);
    await waitFor("the audit event", async () =>
      (await auditEvents(join(layout.directory, "logs", "audit.log"))).some(
        ({ requestURI, responseStatus }) => requestURI === uri && responseStatus?.code === 401,
      ),
    );
  });
});

describe("GitOps", () => {
  test("heals drift, reconciles a push and prunes what was deleted", async () => {
    const reference = { apiVersion: "apps/v1", kind: "Deployment", namespace: "staging" };
    const [target] = await kubernetes.list<{ metadata: { name: string }; spec: { replicas: number } }>(reference);
    if (target === undefined) throw new Error("no deployment in staging");
    const declared = target.spec.replicas;
    const one = { ...reference, name: target.metadata.name };
    await kubernetes.mergePatch(one, { spec: { replicas: 7 } });
    const healed = await waitFor(
      "the drifted Deployment to be healed",
      async () => (await kubernetes.get<typeof target>(one))?.spec.replicas === declared,
    );

    const folder = await clone();
    const manifest = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "pushed", namespace: "staging" },
      data: { canary: "1" },
    };
    await writeFile(join(folder, "pushed.yaml"), JSON.stringify(manifest));
    const kustomization = await readFile(join(folder, "kustomization.yaml"), "utf8");
    await writeFile(
      join(folder, "kustomization.yaml"),
      kustomization.replace(/^resources:$/m, "resources:\n  - pushed.yaml"),
    );
    const pushed = await push(folder);
    const configMap = { apiVersion: "v1", kind: "ConfigMap", namespace: "staging", name: "pushed" };
    const reconciled = await waitFor(
      "the pushed ConfigMap",
      async () => (await kubernetes.get(configMap)) !== undefined,
    );
    await waitFor("the Application at the pushed revision", () => syncedAt(pushed.revision));

    await rm(join(folder, "pushed.yaml"));
    await writeFile(join(folder, "kustomization.yaml"), kustomization);
    const removed = await push(folder);
    const pruned = await waitFor(
      "the deleted ConfigMap to be pruned",
      async () => (await kubernetes.get(configMap)) === undefined,
    );
    await waitFor("the Application at the last revision", () => syncedAt(removed.revision));
    console.info(`drift healed in ${healed} ms, push reconciled in ${reconciled} ms, deletion pruned in ${pruned} ms`);
  });
});

describe("two pushes, one right after the other", () => {
  test("are both reconciled at once: the second refresh is not lost with the first", async () => {
    const folder = await clone();
    const name = (round: number) => join(folder, "overlays", `note-${round}`);
    await writeFile(name(1), "one");
    await push(folder);
    await writeFile(name(2), "two");
    const second = await push(folder);
    const took = await waitFor("the second revision", () => syncedAt(second.revision), 12);
    console.info(`two pushes in a row reconciled in ${took} ms`);
  });
});

describe("SIGKILL of one process", () => {
  test.each([
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "vault",
    "redis",
    "git-server",
    "identity-broker",
    "renewer",
    "argocd-repo-server",
    "argocd-application-controller",
  ])("%s: status says so, up heals it, nothing written is lost", async (name) => {
    const marker = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `written-before-${name}`, namespace: "default" },
    };
    await kubernetes.create(marker);
    const uid = (
      await kubernetes.get<{ metadata: { uid: string } }>({ apiVersion: "v1", kind: "Namespace", name: "kube-system" })
    )?.metadata.uid;
    const head = (await run("git", ["-C", layout.repository("fleet"), "rev-parse", "HEAD"])).stdout;
    const before = await stack.json<StatusResult>("status");
    const pid = before.processes.find((process) => process.name === name)?.pid;
    if (pid === undefined || pid === null) throw new Error(`${name} is not running`);
    process.kill(pid, "SIGKILL");
    const said = JSON.parse((await stack.run("status", "--json")).stdout) as StatusResult;
    expect(said.healthy).toBe(false);
    expect(said.processes.find((process) => process.name === name)).toMatchObject({ healthy: false });

    const healed = await stack.run("up", "--json");
    expect(healed.code, healed.stdout + healed.stderr).toBe(0);
    const after = await stack.json<StatusResult>("status");
    expect(after.healthy).toBe(true);
    for (const process of after.processes) {
      const was = before.processes.find((other) => other.name === process.name);
      if (process.name !== name) expect(process.pid, `${process.name} was left alone`).toBe(was?.pid);
      else expect(process.pid).not.toBe(pid);
    }
    expect(
      await kubernetes.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: marker.metadata.name }),
    ).toBeDefined();
    expect(
      (
        await kubernetes.get<{ metadata: { uid: string } }>({
          apiVersion: "v1",
          kind: "Namespace",
          name: "kube-system",
        })
      )?.metadata.uid,
    ).toBe(uid);
    expect((await run("git", ["-C", layout.repository("fleet"), "rev-parse", "HEAD"])).stdout).toBe(head);
  });
});

describe("two stacks side by side", () => {
  test("do not touch each other", async () => {
    const other = await Stack.create("second");
    try {
      const result = await other.json<UpResult>("up");
      expect(result).toMatchObject({ ok: true, stack: "second" });
      expect(result.generation).not.toBe(first.generation);
      expect((await stack.json<StatusResult>("status")).healthy).toBe(true);
      const gone = await other.json<{ ok: boolean }>("down", "--yes");
      expect(gone.ok).toBe(true);
      expect(await other.processes()).toEqual([]);
      expect((await stack.json<StatusResult>("status")).healthy).toBe(true);
    } finally {
      await other.dispose();
    }
  });
});

describe("down", () => {
  test("removes what the stack made and nothing else, and says what it kept", async () => {
    const foreign = join(stack.directory, "notes-of-a-person.txt");
    await writeFile(foreign, "mine");
    const down = await finish(stack.spawn("down", "--yes", "--json"));
    expect(down.code, down.stderr).toBe(0);
    expect(await stack.processes()).toEqual([]);
    expect(await readFile(foreign, "utf8")).toBe("mine");
    // The person pushed to the repository in this file's GitOps test: their commits are kept, and said to be.
    const { kept } = JSON.parse(down.stdout) as { kept: string[] };
    expect(kept.join("\n")).toContain("fleet.git");
    expect((await run("git", ["-C", layout.repository("fleet"), "log", "--oneline"])).stdout).toContain("change");
    const again = await stack.run("down", "--yes", "--json");
    expect(again.code).toBe(0);
  });
});
