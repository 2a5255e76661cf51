import { generateKeyPairSync, randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checks } from "../../src/audit/checks.ts";
import type { KubernetesClient, KubernetesManifest } from "../../src/clients/KubernetesClient.ts";
import type { VaultClient } from "../../src/clients/VaultClient.ts";
import type { Secret } from "../../src/credentials/Secret.ts";
import { StackLayout } from "../../src/machine/StackLayout.ts";
import { jwtMountName } from "../../src/manifests/vault/trustNames.ts";
import { adminKubernetesClient } from "../../src/resources/cluster/adminKubernetesClient.ts";
import { openGitServer } from "../support/openGitServer.ts";
import { asRoot, breakGlass, generateRoot } from "../support/rootOfVault.ts";
import { finish, Stack } from "../support/Stack.ts";
import { waitFor } from "../support/waitFor.ts";

interface AuditResult {
  ok: boolean;
  checks: { id: string; verdict: string; evidence: string[] }[];
}

/** The checks of live systems; those of places where secrets must not be have a test of their own. */
const SYSTEMS = [
  ...["repository-secrets", "service-account-tokens", "credential-scope", "renewal-margin", "controller-rbac"],
  ...["trusted-keys", "vault-roles", "vault-root", "audit-device"],
];
// Drawn, or it would be found in what is kept of this file for the test runner.
const CANARY = `canary-of-a-static-credential-${randomUUID()}`;
const REPOSITORY_SECRET = { apiVersion: "v1", kind: "Secret", namespace: "argocd", name: "repo-fleet" };
const OIDC_ROLE = "identity/oidc/role/dayzero.local.fleet";

let stack: Stack;
let layout: StackLayout;
let kubernetes: KubernetesClient;
let mount: string;
/** As the export of a stack that Pulumi knows nothing of. */
let pulumiState: string;
/** All that any audit of this file printed. */
let said = "";

beforeAll(async () => {
  stack = await Stack.create();
  layout = new StackLayout(stack.directory);
  pulumiState = join(stack.root, "pulumi-state.json");
  await writeFile(pulumiState, JSON.stringify({ version: 3, deployment: {} }));
  const up = await finish(stack.spawn("up", "--json"));
  expect(up.code, up.stdout + up.stderr).toBe(0);
  kubernetes = await adminKubernetesClient(layout);
  const system = await kubernetes.get({ apiVersion: "v1", kind: "Namespace", name: "kube-system" });
  mount = jwtMountName("local", system?.metadata.uid ?? "");
}, 300_000);

afterAll(async () => {
  kubernetes?.close();
  await stack?.dispose();
});

async function audit(): Promise<AuditResult & { code: number | null }> {
  const { code, stdout, stderr } = await stack.run("audit", "--json", "--pulumi-state", pulumiState);
  said += stdout + stderr;
  expect(stdout, stderr).toMatch(/^\{"ok":/);
  return { ...(JSON.parse(stdout) as AuditResult), code };
}

const idsOf = ({ checks }: AuditResult, verdict: string) =>
  checks.filter(({ id, ...check }) => SYSTEMS.includes(id) && check.verdict === verdict).map(({ id }) => id);

async function up(): Promise<void> {
  const finished = await stack.run("up", "--json");
  expect(finished.code, finished.stdout + finished.stderr).toBe(0);
}

async function create(object: object): Promise<() => Promise<void>> {
  const { apiVersion, kind, metadata } = await kubernetes.create(object as KubernetesManifest);
  return () => kubernetes.delete({ apiVersion, kind, ...metadata });
}

/** Writes a part of what is there, as somebody with every right would; `up` puts it right. */
async function writeInVault(path: string, part: object): Promise<() => Promise<void>> {
  await asRoot(layout, async (vault) => vault.write(path, { ...(await vault.read<object>(path)), ...part }));
  return up;
}

/** Of a Secret of the stack's own. */
async function replacePassword(password: string): Promise<void> {
  await kubernetes.mergePatch(REPOSITORY_SECRET, { data: { password: Buffer.from(password).toString("base64") } });
}

async function pidOf(name: string): Promise<number> {
  return Number.parseInt(await readFile(layout.pidFile(name), "utf8"), 10);
}

interface Row {
  readonly what: string;
  /** Which checks have to see it, and no others. */
  readonly ids: readonly string[];
  /** Breaks the running system; resolves with the repair. */
  readonly break: () => Promise<() => Promise<void>>;
  /** What the evidence has to name. */
  readonly names: readonly RegExp[];
}

const rows: Row[] = [
  {
    what: "a repository Secret that somebody made by hand",
    ids: ["repository-secrets"],
    names: [/Secret argocd\/by-hand holds password/],
    break: () =>
      create({
        apiVersion: "v1",
        kind: "Secret",
        metadata: {
          name: "by-hand",
          namespace: "argocd",
          labels: { "argocd.argoproj.io/secret-type": "repo-creds" },
          annotations: { "dayzero.dev/expires-at": new Date().toISOString() },
        },
        stringData: { url: "https://git.example.org", username: "somebody", password: CANARY },
      }),
  },
  {
    what: "a static credential in the stack's own Secret",
    ids: ["repository-secrets"],
    names: [/Secret argocd\/repo-fleet holds a password that Vault did not sign/],
    break: async () => {
      await replacePassword(CANARY);
      return up;
    },
  },
  {
    what: "a token of a service account that does not end",
    ids: ["service-account-tokens"],
    names: [/Secret dayzero-system\/for-ever .* service account operator/],
    break: () =>
      create({
        apiVersion: "v1",
        kind: "Secret",
        type: "kubernetes.io/service-account-token",
        metadata: {
          name: "for-ever",
          namespace: "dayzero-system",
          annotations: { "kubernetes.io/service-account.name": "operator" },
        },
      }),
  },
  {
    what: "a mount that reviews tokens with one of its own and lets anybody in",
    ids: ["service-account-tokens", "vault-roles"],
    names: [
      /auth\/theirs \(kubernetes\) holds a token_reviewer_jwt/,
      /role auth\/theirs\/role\/all binds .* a pattern/,
    ],
    break: async () => {
      await asRoot(layout, async (vault) => {
        await vault.write("sys/auth/theirs", { type: "kubernetes" });
        await vault.write("auth/theirs/config", {
          kubernetes_host: "https://127.0.0.1:1",
          kubernetes_ca_cert: await readFile(layout.pki("kubernetes", "ca.crt"), "utf8"),
          token_reviewer_jwt: await planted(),
        });
        const bound = { bound_service_account_names: ["*"], bound_service_account_namespaces: ["default"] };
        await vault.write("auth/theirs/role/all", bound);
      });
      return () => asRoot(layout, (vault) => vault.delete("sys/auth/theirs"));
    },
  },
  {
    what: "a second root token",
    ids: ["vault-root"],
    names: [/token "root" of auth\/token\/root.*has the root policy \(accessor \S+\)/],
    break: async () => {
      const token = await generateRoot(layout);
      planting.push(token);
      return async () => {
        const vault = breakGlass(layout);
        await vault.withToken(token).write("auth/token/revoke-self");
        await vault.close();
      };
    },
  },
  {
    what: "a root token in the making",
    ids: ["vault-root"],
    names: [/a root token is being generated: 0 of 1 shares are given/],
    break: async () => {
      const vault = breakGlass(layout);
      await vault.write("sys/generate-root/attempt");
      return async () => {
        await vault.delete("sys/generate-root/attempt");
        await vault.close();
      };
    },
  },
  {
    what: "a role that takes any subject, and ended tokens for a while",
    ids: ["vault-roles"],
    names: [/role auth\/dayzero\S+\/git-reader binds no subject, has expiration_leeway 30/, /bound_subject is/],
    break: () => writeInVault(`auth/${mount}/role/git-reader`, { bound_subject: "", expiration_leeway: 30 }),
  },
  {
    what: "a role that nobody declared",
    ids: ["vault-roles"],
    names: [/role auth\/dayzero\S+\/intruder is not declared/],
    break: async () => {
      await asRoot(layout, async (vault) => {
        const role = await vault.read<object>(`auth/${mount}/role/git-reader`);
        await vault.write(`auth/${mount}/role/intruder`, role);
      });
      return up;
    },
  },
  {
    what: "a key of somebody else among those that Vault trusts",
    ids: ["trusted-keys", "vault-roles"],
    names: [/trusts key [0-9a-f]{16}, which is none of the cluster's/],
    break: async () => {
      const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const path = `auth/${mount}/config`;
      await asRoot(layout, async (vault) => {
        const config = await vault.read<{ jwt_validation_pubkeys: string[] }>(path);
        const keys = [...(config?.jwt_validation_pubkeys ?? []), publicKey.export({ type: "spki", format: "pem" })];
        await vault.write(path, { ...config, jwt_validation_pubkeys: keys });
      });
      return up;
    },
  },
  {
    what: "no audit device",
    ids: ["audit-device"],
    names: [/Vault has no audit device/],
    break: async () => {
      const before = await readFile(layout.etc("vault.hcl"), "utf8");
      await reloadVault(before.slice(0, before.indexOf('audit "file"')), (devices) => devices === 0);
      return () => reloadVault(before, (devices) => devices === 1);
    },
  },
  {
    what: "a Git credential too short to last through an outage",
    ids: ["renewal-margin", "vault-roles"],
    names: [/renewed after 160 s \+ 120 s outage \+ 60 s to mint = 340 s, and its life is 240 s/],
    break: () => writeInVault(OIDC_ROLE, { ttl: 240 }),
  },
  {
    what: "a controller that is administrator of the cluster",
    ids: ["controller-rbac"],
    names: [
      /ServiceAccount argocd\/argocd-application-controller may \* \*.* whole cluster, by ClusterRoleBinding admins/,
    ],
    break: () =>
      create({
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: "admins" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "system:serviceaccounts:argocd" }],
      }),
  },
  {
    what: "one more rule in a declared role",
    ids: ["controller-rbac"],
    names: [/ServiceAccount dayzero-system\/git-reader may delete secrets in namespace argocd/],
    break: async () => {
      const ref = {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "Role",
        namespace: "argocd",
        name: "dayzero-git-reader-fleet",
      };
      const role = await kubernetes.get<KubernetesManifest & { rules: object[] }>(ref);
      const more = { apiGroups: [""], resources: ["secrets"], verbs: ["delete"] };
      await kubernetes.mergePatch(ref, { rules: [...(role?.rules ?? []), more] });
      return up;
    },
  },
  {
    what: "a Git server that opens everything to everybody",
    ids: ["credential-scope"],
    names: [/it may push to \S+fleet\.git: the server took GET info\/refs\?service=git-receive-pack/],
    break: async () => {
      process.kill(await pidOf("git-server"), "SIGKILL");
      const [ports, certificate, key] = await Promise.all([
        readFile(layout.ports, "utf8").then((text) => JSON.parse(text) as { git: number }),
        readFile(layout.pki("platform", "git.crt"), "utf8"),
        readFile(layout.pki("platform", "git.key"), "utf8"),
      ]);
      let stop = async (): Promise<void> => {};
      await waitFor("the port of the Git server", async () => {
        stop = await openGitServer({ repositories: join(layout.directory, "git"), port: ports.git, certificate, key });
        return true;
      });
      return async () => {
        await stop();
        await up();
      };
    },
  },
];

/** Secrets that tests put into the system: none of them may be printed. */
const planting: Secret[] = [];

/** A token that is good for something, to be put where none should be. */
async function planted(): Promise<string> {
  const account = { namespace: "dayzero-system", name: "operator", expirationSeconds: 600 };
  const { token } = await kubernetes.serviceAccountToken(account);
  planting.push(token);
  return token.reveal();
}

/** Vault reads its declared audit devices again at SIGHUP. */
async function reloadVault(configuration: string, isDone: (devices: number) => boolean): Promise<void> {
  await writeFile(layout.etc("vault.hcl"), configuration);
  process.kill(await pidOf("vault"), "SIGHUP");
  await asRoot(layout, async (vault: VaultClient) => {
    await waitFor("Vault's audit devices", async () => {
      const devices = await vault.read<Record<string, unknown>>("sys/audit");
      return isDone(Object.keys(devices ?? {}).filter((name) => name.endsWith("/")).length);
    });
  });
}

describe("dayzero audit of a stack as up left it", () => {
  test("proves every check and exits 0", async () => {
    const result = await audit();
    expect(result, JSON.stringify(result.checks, undefined, 2)).toMatchObject({ code: 0, ok: true });
    expect(result.checks.map(({ id }) => id)).toEqual(checks.map(({ id }) => id));
    expect(idsOf(result, "proved")).toEqual(SYSTEMS);
  });

  test("prints a table, and writes SARIF without a result", async () => {
    const file = join(stack.root, "audit.sarif");
    const { code, stdout, stderr } = await stack.run("audit", "--sarif", file, "--pulumi-state", pulumiState);
    expect(code, stdout + stderr).toBe(0);
    const sarif = await readFile(file, "utf8");
    said += stdout + stderr + sarif;
    expect(stdout).toMatch(/^CHECK +VERDICT +EVIDENCE$/m);
    expect(JSON.parse(sarif)).toMatchObject({ version: "2.1.0", runs: [{ results: [] }] });
  });

  test("changes nothing: plan still has nothing to do", async () => {
    expect((await stack.json<{ changes: unknown[] }>("plan")).changes).toEqual([]);
  });
});

describe("dayzero audit", () => {
  test.each(rows)("sees $what, and its repair", async ({ ids, names, ...row }) => {
    const repair = await row.break();
    try {
      const broken = await audit();
      expect(broken.code).toBe(1);
      expect(idsOf(broken, "violated").sort(), JSON.stringify(broken.checks, undefined, 2)).toEqual([...ids].sort());
      const evidence = broken.checks
        .flatMap((check) => (check.verdict === "violated" ? check.evidence : []))
        .join("\n");
      for (const name of names) expect(evidence).toMatch(name);
    } finally {
      await repair();
    }
    const repaired = await audit();
    expect(repaired, JSON.stringify(repaired.checks, undefined, 2)).toMatchObject({ code: 0, ok: true });
    expect(idsOf(repaired, "proved")).toEqual(SYSTEMS);
  });

  test.each(SYSTEMS)("is broken above so that %s fails", (id) => {
    expect(rows.flatMap(({ ids }) => ids)).toContain(id);
  });

  test("tells what it cannot look at, and proves nothing by it", async () => {
    process.kill(await pidOf("vault"), "SIGKILL");
    try {
      const result = await audit();
      expect(result, JSON.stringify(result.checks, undefined, 2)).toMatchObject({ code: 0, ok: true });
      expect(idsOf(result, "unobservable")).toEqual(
        expect.arrayContaining(["vault-root", "vault-roles", "trusted-keys", "audit-device", "renewal-margin"]),
      );
    } finally {
      await up();
    }
  });

  test("prints no secret, however it is asked and whatever it sees", async () => {
    await replacePassword(CANARY);
    for (const options of [["--debug"], ["--json", "--debug"], ["--sarif", join(stack.root, "broken.sarif")]]) {
      const { stdout, stderr } = await stack.run("audit", ...options);
      said += stdout + stderr;
    }
    said += await readFile(join(stack.root, "broken.sarif"), "utf8");
    await up();
    const secret = await kubernetes.get(REPOSITORY_SECRET);
    const { password = "" } = (secret?.data ?? {}) as { password?: string };
    const [redis, identity, ...keys] = await Promise.all([
      readFile(layout.etc("redis.password"), "utf8"),
      readFile(layout.vault("identity.txt"), "utf8"),
      ...["etcd", "kubernetes", "platform"].map((authority) => readFile(layout.pki(authority, "ca.key"), "utf8")),
    ]);
    const values = [
      ...[CANARY, redis.trim(), password, Buffer.from(password, "base64").toString()],
      /AGE-SECRET-KEY-\S+/.exec(identity)?.[0] ?? "",
      ...keys.map((key) => key.split("\n")[1] ?? ""),
      ...planting.map((planted) => planted.reveal()),
    ];
    expect(said).toContain("repo-fleet");
    for (const value of values) {
      expect(value.length).toBeGreaterThan(20);
      expect(said.includes(value)).toBe(false);
    }
    // No token of any kind: neither a JWT nor one of Vault's.
    expect(said).not.toMatch(/eyJ[\w-]{10,}\.eyJ|\b(hvs|s)\.[\w-]{20,}/);
  });
});
