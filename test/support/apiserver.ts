import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubernetesClient } from "../../src/clients/KubernetesClient.ts";
import { Secret } from "../../src/credentials/Secret.ts";
import { freePorts } from "../../src/machine/freePorts.ts";
import { waitFor } from "./waitFor.ts";

/** A real etcd and kube-apiserver, alone: no controllers, and one administrator with a static token. */
export interface ApiServer {
  readonly url: string;
  readonly ca: string;
  readonly token: string;
  readonly directory: string;
  /** A new client; the caller closes it. */
  client(): KubernetesClient;
  /** A kubeconfig file that names the token by a file. */
  readonly kubeconfig: string;
  /** What changed something since the last call: `patch configmaps default/a`; dry runs are none. */
  mutations(): Promise<string[]>;
  stop(): Promise<void>;
}

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource: string; readonly namespace?: string; readonly name?: string };
}

const AUDIT_POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{ level: Metadata }]
`;

export async function startApiServer(tools: Record<string, string>): Promise<ApiServer> {
  const directory = await mkdtemp(join(tmpdir(), "apiserver-"));
  const file = (name: string): string => join(directory, name);
  const [etcdPort, peerPort, port] = await freePorts(3, new Set());
  const token = randomBytes(16).toString("hex");
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await writeFile(file("sa.key"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  await writeFile(file("sa.pub"), publicKey.export({ type: "spki", format: "pem" }));
  await writeFile(file("tokens.csv"), `${token},admin,admin,system:masters\n`, { mode: 0o600 });
  await writeFile(file("token"), token, { mode: 0o600 });
  await writeFile(file("audit.yaml"), AUDIT_POLICY);
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const etcd = start(tools.etcd, [
    `--data-dir=${file("etcd")}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    "--log-level=error",
  ]);
  const apiserver = start(tools["kube-apiserver"], [
    `--etcd-servers=${etcdUrl}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    `--cert-dir=${file("certs")}`,
    `--token-auth-file=${file("tokens.csv")}`,
    "--authorization-mode=RBAC",
    "--anonymous-auth=false",
    `--service-account-key-file=${file("sa.pub")}`,
    `--service-account-signing-key-file=${file("sa.key")}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    "--service-cluster-ip-range=10.0.0.0/24",
    `--audit-policy-file=${file("audit.yaml")}`,
    `--audit-log-path=${file("audit.log")}`,
  ]);
  const url = `https://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    // It ignores SIGTERM for a minute once etcd is gone.
    await end(apiserver);
    await end(etcd);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    let ca = "";
    await waitFor("kube-apiserver's certificate", async () => {
      ca = await readFile(file("certs/apiserver.crt"), "utf8");
      return ca.trimEnd().endsWith("-----END CERTIFICATE-----");
    });
    const client = (): KubernetesClient =>
      new KubernetesClient({ server: url, ca, credential: async () => ({ token: new Secret(token) }) });
    const probe = client();
    await waitFor("kube-apiserver", async () => (await probe.request<string>("GET", "/readyz")) === "ok", 60);
    await waitFor("namespace default", async () => (await probe.get({ ...NAMESPACE, name: "default" })) !== undefined);
    await probe.close();
    await writeFile(file("kubeconfig"), kubeconfig(url, ca, file("token")), { mode: 0o600 });
    let seen = 0;
    const mutations = async (): Promise<string[]> => {
      const lines = (await readFile(file("audit.log"), "utf8")).trimEnd().split("\n");
      const fresh = lines.slice(seen).map((line) => JSON.parse(line) as AuditEvent);
      seen = lines.length;
      return fresh.filter(isMutation).map(({ verb, objectRef }) => {
        return `${verb} ${objectRef?.resource} ${[objectRef?.namespace, objectRef?.name].filter(Boolean).join("/")}`;
      });
    };
    return { url, ca, token, directory, client, kubeconfig: file("kubeconfig"), mutations, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const NAMESPACE = { apiVersion: "v1", kind: "Namespace" };

function isMutation({ verb, requestURI, user }: AuditEvent): boolean {
  return user.username === "admin" && !["get", "list", "watch"].includes(verb) && !requestURI.includes("dryRun=All");
}

function kubeconfig(server: string, ca: string, tokenFile: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    clusters: [{ name: "test", cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
    users: [{ name: "test", user: { tokenFile } }],
  });
}

function start(binary: string | undefined, args: readonly string[]): ChildProcess {
  if (binary === undefined) throw new Error(`no binary for ${args[0]}`);
  return spawn(binary, args, { stdio: "ignore", env: {} });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}
