import { execFile, spawn } from "node:child_process";
import { createPrivateKey, createSign, randomBytes } from "node:crypto";
import { appendFile, chmod, cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { audit, type CheckResult } from "../../src/audit/audit.ts";
import { checks } from "../../src/audit/checks.ts";
import type { Subject } from "../../src/audit/Subject.ts";
import { type AuditSubjectOptions, openSubject } from "../../src/cli/audit/openSubject.ts";
import type { Run } from "../../src/cli/Run.ts";
import type { KubernetesClient } from "../../src/clients/KubernetesClient.ts";
import { isAlive } from "../../src/machine/DetachedProcess.ts";
import { processStartTime } from "../../src/machine/processIdentity.ts";
import { StackLayout } from "../../src/machine/StackLayout.ts";
import { adminKubernetesClient } from "../../src/resources/cluster/adminKubernetesClient.ts";
import { Stack } from "../support/Stack.ts";
import { waitFor } from "../support/waitFor.ts";

interface AuditResult {
  ok: boolean;
  checks: { id: string; verdict: string; evidence: string[] }[];
}

const git = promisify(execFile);
const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));

let stack: Stack;
let layout: StackLayout;
let kubernetes: KubernetesClient;
/** By what they are: what a test plants where it must not be. */
let values: Map<string, string>;
/** All that any look of this file answered. */
let said = "";

beforeAll(async () => {
  stack = await Stack.create();
  layout = new StackLayout(stack.directory);
  await up();
  kubernetes = await adminKubernetesClient(layout);
  await atSubject({}, async (subject) => {
    const { known, unread } = await subject.secrets();
    expect(unread).toEqual([]);
    values = new Map(known.map(({ what, value }) => [what, value.reveal()]));
  });
}, 300_000);

afterAll(async () => {
  kubernetes?.close();
  await stack?.dispose();
});

async function up(): Promise<void> {
  const finished = await stack.run("up", "--json");
  expect(finished.code, finished.stdout + finished.stderr).toBe(0);
}

interface Where extends AuditSubjectOptions {
  /** Folder of another Pulumi project. */
  readonly project?: string;
}

/** What `dayzero audit` opens, for looking with one check alone. */
async function atSubject<T>({ project, ...options }: Where, use: (subject: Subject) => Promise<T>): Promise<T> {
  const run: Run = {
    environment: {
      PATH: process.env.PATH ?? "",
      HOME: join(stack.root, "poisoned-home"),
      PULUMI_BACKEND_URL: `file://${join(stack.root, "backend")}`,
      XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? "", ".cache"),
    },
    workingDirectory: project ?? stack.root,
    program: [process.execPath, join(PACKAGE, "src/cli/dayzero.js")],
    packageDirectory: PACKAGE,
    narrator: { tell: () => undefined, close: () => undefined },
    paint: (_colour, text) => text,
    columns: undefined,
    signal: new AbortController().signal,
    confirm: undefined,
    askSecret: undefined,
  };
  const { subject, close } = await openSubject(run, stack.name, { state: join(stack.root, "state"), ...options });
  return use(subject).finally(close);
}

/** The outcome of some checks, by id. A scan of all temporary files may take its time on a busy machine. */
async function look(ids: readonly string[], where: Where = {}): Promise<Map<string, CheckResult>> {
  const chosen = checks.filter(({ id }) => ids.includes(id));
  expect(chosen).toHaveLength(ids.length);
  const results = await atSubject(where, (subject) => audit(chosen, subject, { patienceMs: 600_000 }));
  said += JSON.stringify(results);
  return new Map(results.map((result) => [result.check.id, result]));
}

function value(what: string): string {
  const found = values.get(what);
  if (found === undefined) throw new Error(`no ${what} among ${[...values.keys()].join(", ")}`);
  return found;
}

const redisPassword = () => value("password of Argo CD's cache");
const share = () => value("unseal share 1 of Vault");
const caKey = () => value("private key of pki/kubernetes/ca.key");

/** Plants a file; the repair takes it away. */
async function plantFile(path: string, content: string | Buffer): Promise<() => Promise<void>> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, content, { mode: 0o600 });
  return () => rm(path);
}

async function plantProcess(words: string[], environment: Record<string, string>): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 60_000)", "--", ...words], {
    env: environment,
    stdio: "ignore",
  });
  const pid = child.pid ?? 0;
  await waitFor("the process", async () => (await readFile(`/proc/${pid}/cmdline`, "utf8")).includes("setInterval"));
  const startTime = (await processStartTime(pid)) ?? "";
  return async () => {
    child.kill("SIGKILL");
    await waitFor("its end", async () => !(await isAlive({ pid, startTime })));
  };
}

/** Appends to a log that a server keeps open. */
async function plantLine(file: string, line: string): Promise<() => Promise<void>> {
  const before = (await readFile(file)).length;
  await appendFile(file, `${line}\n`);
  return () => truncate(file, before);
}

function cloneOf(name: string): string {
  return join(stack.root, `clone-${name}`);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** Commits and pushes a file as a person does; the repair takes the commit back and prunes what is left of it. */
async function plantCommit(name: string, content: string): Promise<() => Promise<void>> {
  const folder = cloneOf(name);
  const at = (directory: string, ...words: string[]) =>
    git("git", ["-C", directory, "-c", "user.name=p", "-c", "user.email=p@example.org", ...words]);
  await git("git", ["clone", "-q", layout.repository("fleet"), folder]);
  await writeFile(join(folder, name), content);
  await at(folder, "add", "-A");
  await at(folder, "commit", "-qm", "A mistake");
  await at(folder, "push", "-q");
  return async () => {
    await at(folder, "reset", "-q", "--hard", "HEAD~1");
    await at(folder, "push", "-q", "--force");
    await rm(folder, { recursive: true });
    await at(layout.repository("fleet"), "reflog", "expire", "--expire=now", "--all");
    await at(layout.repository("fleet"), "gc", "-q", "--prune=now");
    // Argo CD has the manifests of the commit before in its cache, and leaves its working tree as it is. Only root may list it.
    const checkouts = join(layout.temporary("argocd-repo-server"), "_argocd-repo");
    for (const checkout of await readdir(checkouts).catch(() => [])) {
      await rm(join(checkouts, checkout, name), { force: true });
    }
  };
}

/** A token that has expired long since: only its form can be known. */
function oldToken(): string {
  const part = (object: object) => Buffer.from(JSON.stringify(object)).toString("base64url");
  const text = `${part({ alg: "RS256", typ: "JWT" })}.${part({ sub: "old", exp: 1 })}`;
  const key = createPrivateKey(value("private key of pki/kubernetes/service-account.key"));
  return `${text}.${createSign("sha256").update(text).sign(key, "base64url")}`;
}

const ETCD = ["kube-controller-manager", "kube-apiserver", "etcd"];

async function stopControlPlane(): Promise<void> {
  for (const name of ETCD) {
    const pid = Number.parseInt(await readFile(layout.pidFile(name), "utf8"), 10);
    const startTime = (await processStartTime(pid)) ?? "";
    process.kill(pid, "SIGKILL");
    await waitFor(`the end of ${name}`, async () => !(await isAlive({ pid, startTime })));
  }
}

/** A state of a file backend; the repair leaves one without the value. */
async function plantState(deployment: object): Promise<() => Promise<void>> {
  const file = join(stack.root, "backend/.pulumi/stacks/dayzero/local.json");
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, JSON.stringify({ version: 3, deployment }));
  return () => writeFile(file, JSON.stringify({ version: 3, deployment: {} }));
}

/** Kills the control plane and starts it on other data. */
async function restartEtcd(change: () => Promise<unknown>): Promise<void> {
  await stopControlPlane();
  await change();
  await up();
}

interface Row {
  readonly what: string;
  readonly check: string;
  /** Breaks the running system; resolves with the repair. */
  readonly plant: () => Promise<() => Promise<unknown>>;
  readonly evidence: RegExp;
}

const rows: Row[] = [
  {
    what: "an unseal share in a ConfigMap, which is in etcd too",
    check: "seal-material",
    evidence: /^unseal share 1 of Vault is in ConfigMap default\/leaked, at byte \d+$/,
    plant: async () => {
      const [data, copy] = [layout.data("etcd"), join(stack.root, "etcd-before")];
      await restartEtcd(() => cp(data, copy, { recursive: true }));
      const leaked = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "leaked", namespace: "default" } };
      await kubernetes.create({ ...leaked, data: { share: share() } });
      // What is deleted stays in etcd's files for long: it is only gone with them.
      return () => restartEtcd(() => rm(data, { recursive: true }).then(() => rename(copy, data)));
    },
  },
  {
    what: "an unseal share in a temporary folder",
    check: "seal-material",
    evidence: /^unseal share 1 of Vault is in \/.+\/share\.txt, at byte 2097\d+$/,
    plant: () => plantFile(join(stack.root, "share.txt"), `${"\n".repeat(1 << 21)}${share()}`),
  },
  {
    what: "the age identity in a copy of the file that the ledger names",
    check: "seal-material",
    evidence: /^age identity that opens Vault's unseal shares is in vault\/identity\.txt\.bak, at byte \d+$/,
    plant: async () => plantFile(layout.vault("identity.txt.bak"), await readFile(layout.vault("identity.txt"))),
  },
  {
    what: "a CA key in the arguments of a process",
    check: "process-exposure",
    evidence: /^private key of pki\/etcd\/ca\.key is in the arguments of process \d+ \(.+\), at byte \d+$/,
    plant: () => plantProcess([value("private key of pki/etcd/ca.key")], {}),
  },
  {
    what: "a CA key, percent-encoded, in the environment of a process",
    check: "process-exposure",
    evidence: /^private key of pki\/kubernetes\/ca\.key is in the environment of process \d+ /,
    plant: () => plantProcess([], { KEY: encodeURIComponent(caKey()) }),
  },
  {
    what: "the cache's password in the environment of a process that the ledger does not name",
    check: "process-exposure",
    evidence: /^password of Argo CD's cache is in the environment of process \d+ /,
    plant: () => plantProcess([], { REDIS_PASSWORD: redisPassword() }),
  },
  {
    what: "a password in a header that a server logged",
    check: "logs",
    evidence: /^password of Argo CD's cache is in logs\/git-server\.log, at byte \d+$/,
    plant: () => plantLine(layout.log("git-server"), `authorization: Basic ${base64(`x:${redisPassword()}`)}`),
  },
  {
    what: "an unseal share in Vault's audit log",
    check: "logs",
    evidence: /^unseal share 1 of Vault is in logs\/vault-audit\.log, at byte \d+$/,
    plant: () => plantLine(layout.log("vault-audit"), JSON.stringify({ request: { data: { key: share() } } })),
  },
  {
    what: "a password in a log that was rotated and compressed",
    check: "logs",
    evidence: /^password of Argo CD's cache is in logs\/audit-1\.log\.gz, at byte 20\d{3}$/,
    plant: () =>
      plantFile(join(layout.directory, "logs/audit-1.log.gz"), gzipSync(`${"x\n".repeat(10_000)}${redisPassword()}`)),
  },
  {
    what: "a token of another day in a log",
    check: "logs",
    evidence: /^what looks like a signed token \(JWT\) is in logs\/renewer\.log, line \d+$/,
    plant: () => plantLine(layout.log("renewer"), `got ${oldToken()}`),
  },
  {
    what: "a password that somebody noted in the state folder",
    check: "state-folder",
    evidence: /^password of Argo CD's cache is in notes\.txt, at byte \d+$/,
    plant: () => plantFile(join(layout.directory, "notes.txt"), `cache: ${redisPassword()}\n`),
  },
  {
    what: "a key that others may read",
    check: "state-folder",
    evidence: /^pki\/platform\/git\.key holds a credential, and its mode is 644$/,
    plant: async () => {
      await chmod(layout.pki("platform", "git.key"), 0o644);
      return () => chmod(layout.pki("platform", "git.key"), 0o600);
    },
  },
  {
    what: "a password in shared memory",
    check: "temporary-files",
    evidence: /^password of Argo CD's cache is in \/dev\/shm\/dz-\w+, at byte \d+$/,
    plant: () => plantFile(join("/dev/shm", basename(stack.root)), redisPassword()),
  },
  {
    what: "a CA key in a Secret that somebody pushed",
    check: "git-history",
    evidence:
      /^private key of pki\/kubernetes\/ca\.key is in secret\.yaml of commit [0-9a-f]{40} in fleet\.git, at byte/,
    plant: () => plantCommit("secret.yaml", `kind: Secret\ndata:\n  tls.key: ${base64(caKey())}\n`),
  },
  {
    what: "a password in what a forced push took back",
    check: "git-history",
    evidence:
      /^password of Argo CD's cache is in blob [0-9a-f]{40}, which no branch leads to in fleet\.git, at byte 0$/,
    plant: async () => {
      const repair = await plantCommit("note.txt", `${redisPassword().slice(-32)}\n`);
      await git("git", ["-C", cloneOf("note.txt"), "push", "-q", "--force", "origin", "HEAD~1:main"]);
      await git("git", ["-C", layout.repository("fleet"), "reflog", "expire", "--expire=now", "--all"]);
      return repair;
    },
  },
  {
    what: "somebody's token of a forge that somebody pushed",
    check: "secret-scan",
    evidence: /^GITHUB_TOKEN in line 3 of notes\.md of commit [0-9a-f]{40} in fleet\.git$/,
    // Put together here, or a scanner would find it in this file.
    plant: () =>
      plantCommit("notes.md", `# Notes\n\ntoken: ${["ghp", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"].join("_")}\n`),
  },
  {
    what: "a password in a state that Pulumi keeps in a folder",
    check: "pulumi-state",
    evidence: /^password of Argo CD's cache is in \/.+\/\.pulumi\/stacks\/dayzero\/local\.json, at byte \d+$/,
    plant: () => plantState({ resources: [{ outputs: { password: redisPassword() } }] }),
  },
];

const IDS = [...new Set(rows.map(({ check }) => check))];

describe("audit of places", () => {
  const repairs: (() => Promise<unknown>)[] = [];
  let broken: Map<string, CheckResult>;
  let repaired: Map<string, CheckResult>;

  beforeAll(async () => {
    for (const { plant } of rows) repairs.push(await plant());
    broken = await look(IDS);
    for (const repair of repairs.reverse()) await repair();
    repaired = await look(IDS);
  }, 900_000);

  test("breaks every check of a place; those of live systems come before them", () => {
    const places = checks.slice(checks.findIndex(({ id }) => id === "seal-material")).map(({ id }) => id);
    expect([...IDS, "program-values"].sort()).toEqual(places.sort());
  });

  test.each(rows)("$check is violated by $what", ({ check, evidence }) => {
    expect(broken.get(check)).toMatchObject({
      verdict: "violated",
      evidence: expect.arrayContaining([expect.stringMatching(evidence)]),
    });
  });

  test("seal-material and state-folder see in etcd's files what is in etcd", () => {
    for (const id of ["seal-material", "state-folder"]) {
      const evidence = broken.get(id)?.evidence ?? [];
      expect(evidence.join("\n"), id).toMatch(/^unseal share 1 of Vault is in data\/etcd\/member\/\S+, at byte \d+$/m);
    }
  });

  test.each(IDS)("%s is proved after the repair", (id) => {
    const { verdict, evidence = [], ms } = repaired.get(id) ?? {};
    console.info(`${id}: ${ms} ms; ${evidence.join("; ")}`);
    expect(verdict, evidence.join("; ")).toBe("proved");
  });

  test("process-exposure and logs know the Git credential of the moment", async () => {
    const secret = await kubernetes.get<{ data: Record<string, string> }>({
      ...{ apiVersion: "v1", kind: "Secret", namespace: "argocd", name: "repo-fleet" },
    });
    const credential = Buffer.from(secret?.data.password ?? "", "base64").toString("utf8");
    values.set("Git credential", credential);
    const planted = [
      await plantProcess([credential], {}),
      await plantLine(layout.log("git-server"), `authorization: Basic ${base64(`x:${credential}`)}`),
    ];
    const found = await look(["process-exposure", "logs"]);
    for (const repair of planted) await repair();
    const lines = [...found.values()].flatMap(({ evidence }) => evidence).join("\n");
    expect(lines).toMatch(/^password of Secret argocd\/repo-fleet is in the arguments of process \d+ /m);
    expect(lines).toMatch(/^password of Secret argocd\/repo-fleet is in logs\/git-server\.log, at byte \d+$/m);
  });

  test("program-values is violated by a program that reads a password and passes it on", async () => {
    const project = join(stack.root, "project");
    const from = (path: string) => JSON.stringify(pathToFileURL(join(PACKAGE, path)).href);
    const program = (data: string) =>
      [
        `import { readFileSync } from "node:fs";`,
        `import main from ${from("stacks/main.ts")};`,
        `import { KubernetesObject } from ${from("src/resources/kubernetes/index.ts")};`,
        "export default async () => {",
        `  const password = readFileSync(${JSON.stringify(join(layout.directory, "etc/redis.password"))}, "utf8").trim();`,
        `  const metadata = { name: "passed-on", namespace: "default" };`,
        `  new KubernetesObject("passed-on", { apiVersion: "v1", kind: "ConfigMap", metadata, data: { ${data} } });`,
        "  return main();",
        "};",
      ].join("\n");
    await mkdir(project);
    await writeFile(join(project, "Pulumi.yaml"), "name: dayzero\nruntime: nodejs\nmain: program.ts\n");
    await writeFile(join(project, "package.json"), '{"type":"module"}');
    await writeFile(join(project, "program.ts"), program('note: "cache: " + password'));
    const passing = (await look(["program-values"], { project })).get("program-values");
    expect(passing).toMatchObject({ verdict: "violated" });
    expect(passing?.evidence[0]).toMatch(
      /^password of Argo CD's cache is in the inputs of urn:pulumi:local::dayzero::.+::passed-on$/,
    );
    await writeFile(join(project, "program.ts"), program('note: password.length + " characters"'));
    const mended = (await look(["program-values"], { project })).get("program-values");
    expect(mended).toMatchObject({ verdict: "proved" });
  });

  test("seal-material is unobservable while other people hold the identities, which --identity brings", async () => {
    const elsewhere = join(stack.root, "identity-elsewhere.txt");
    await rename(layout.vault("identity.txt"), elsewhere);
    const found = (await look(["seal-material"])).get("seal-material");
    const brought = await atSubject({ identity: elsewhere }, (subject) => subject.secrets());
    await rename(elsewhere, layout.vault("identity.txt"));
    expect(found?.verdict).toBe("unobservable");
    expect(found?.evidence.join("\n")).toMatch(
      /1 of 1 unseal shares .+ whose identities are not at hand \(--identity FILE\)/,
    );
    expect(brought.unread).toEqual([]);
    expect(brought.known.map(({ what }) => what)).toContain("unseal share 1 of Vault");
  });

  test("finds a planted canary from the command line, and exits 1", async () => {
    const file = join(stack.root, "canaries.txt");
    const canary = `canary ${randomBytes(12).toString("hex")}`;
    await writeFile(file, `\n${canary}\n`);
    const repair = await plantLine(layout.log("renewer"), `told: ${canary}`);
    const { code, stdout, stderr, milliseconds } = await stack.run("audit", "--canary", file, "--json");
    await repair();
    said += stdout + stderr;
    expect(code, stderr).toBe(1);
    const violated = (JSON.parse(stdout) as AuditResult).checks.filter(({ verdict }) => verdict === "violated");
    expect(violated.map(({ id }) => id).sort()).toEqual(["logs", "state-folder"]);
    expect(violated.flatMap(({ evidence }) => evidence).join("\n")).toContain(
      `canary of line 2 in ${file} is in logs/renewer.log`,
    );
    expect(stdout).not.toContain(canary);
    console.info(`the whole audit took ${Math.round(milliseconds)} ms`);
  });

  test("refuses a file of canaries that it cannot use, by name", async () => {
    const file = join(stack.root, "short.txt");
    await writeFile(file, "hunter2\n");
    for (const [name, why] of [
      [file, /it has 7 characters/],
      [`${file}.not`, /cannot read the canaries/],
    ] as const) {
      const { code, stderr } = await stack.run("audit", "--canary", name);
      expect(code).toBe(2);
      expect(stderr).toMatch(why);
      expect(stderr).not.toContain("hunter2");
    }
  });

  test("never said a value that it looked for", () => {
    expect(said.length).toBeGreaterThan(1000);
    for (const [what, one] of values) {
      const body = one.includes("-----BEGIN") ? one.split("\n").slice(1, -2) : [one];
      for (const line of body) expect(said.includes(line.slice(-24)), what).toBe(false);
    }
  });
});
