// What a good script would do to bring up a recorded stack: `node floor.ts <recipe> <folder> <compile cache>`. Nothing of src/ is in it.
//
// Whatever does not need each other goes side by side, and is waited for by its readiness. It is done when the Application is Synced
// and Healthy at the recorded revision and every server answers; then it prints what took how long. Left out: the renewer, the identity
// broker and exec plugins (the controllers get a certificate and a token in files), proofs, and all that makes a rerun safe.
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { enableCompileCache } from "node:module";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { answering, call, type Endpoint, endpoint, stream } from "./call.ts";
import { fill, type Recipe, type RecordedObject } from "./Recipe.ts";
import { startServer } from "./startServer.ts";

interface Application {
  readonly status?: {
    readonly sync?: { readonly status?: string; readonly revision?: string };
    readonly health?: { readonly status?: string };
  };
}

const [recipeFile = "", directory = "", compileCache] = process.argv.slice(2);
enableCompileCache(compileCache);
process.umask(0o077);
const recipe = JSON.parse(await readFile(recipeFile, "utf8")) as Recipe;
const { repository } = recipe;
const values = new Map([["directory", directory]]);
const marks: Record<string, number> = {};

const cloned = clone();
await choosePorts();
const { makeCertificates, makeSigningKey, issueClient } = await import("./certificates.ts");
const [authorityOf, signing] = await Promise.all([makeCertificates(directory, recipe.certificates), makeSigningKey()]);
const clusterAuthority = authorityOf("kubernetes");
const clusterCa = clusterAuthority.certificate;
const platformCa = authorityOf("platform").certificate.trim();
values.set("platform-ca", platformCa);
values.set("issuer-key", signing.publicKey.trim());
values.set("redis-password", randomBytes(32).toString("hex"));
values.set("encryption-key", randomBytes(32).toString("base64"));
await Promise.all([
  mkdir(join(directory, "home")),
  write("pki/kubernetes/service-account.key", signing.key),
  write("pki/kubernetes/service-account.pub", signing.publicKey),
  ...Object.entries(recipe.files).map(([path, content]) => write(path, fill(content, values))),
]);
mark("files");

const opened = openVault();
const cache = startRedis();
const repoServer = cache.then(startRepoServer);
const api = await startControlPlane();
const controllerManager = startControllerManager();
const definitions = Promise.all(recipe.definitions.map(define));
const objects = applyObjects();
await learnGeneration();
const git = cloned.then(startGitServer);
const credential = Promise.all([opened.then(establishTrust), objects]).then(putCredential);
const project = definitions.then(() => Promise.all(ofKind("AppProject").map(apply)));
const controller = Promise.all([objects, definitions, cache]).then(startController);
// The controller too: one that starts may look at an Application before it has listed the projects, and then calls it invalid.
await Promise.all([objects, project, credential, git, controller, repoServer]);
await reconcile();
await controllerManager;
mark("all servers answer");
process.stdout.write(`${JSON.stringify(marks)}\n`);
process.exit(0);

async function choosePorts(): Promise<void> {
  const listening = await Promise.all(
    recipe.ports.map(async (name) => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      values.set(`port.${name}`, String((server.address() as { port: number }).port));
      return server;
    }),
  );
  await Promise.all(listening.map((server) => new Promise((resolve) => server.close(resolve))));
}

async function clone(): Promise<void> {
  const target = join(directory, "git", `${repository.name}.git`);
  await promisify(execFile)(recipe.git, ["clone", "--quiet", "--bare", "--template=", repository.source, target]);
}

async function openVault(): Promise<Endpoint> {
  await start("vault");
  const vault = endpoint(origin("vault"), { ca: platformCa });
  const { armor, Encrypter, generateX25519Identity, identityToRecipient } = await import("age-encryption");
  const health = "/v1/sys/health?uninitcode=200&sealedcode=200&standbycode=200";
  await answering(vault, health);
  mark("vault answers");
  const { shares, threshold } = recipe.vault;
  const { keys_base64: keys, root_token: token } = await call<{ keys_base64: string[]; root_token: string }>(
    vault,
    "POST",
    "/v1/sys/init",
    { secret_shares: shares, secret_threshold: threshold },
  );
  const identity = await generateX25519Identity();
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(identity));
  await write("vault/identity.txt", identity);
  await write("vault/shares.age", armor.encode(await encrypter.encrypt(JSON.stringify(keys))));
  for (const key of keys.slice(0, threshold)) await call(vault, "POST", "/v1/sys/unseal", { key });
  await answering(vault, health, (answer) => !(answer as { standby: boolean }).standby);
  mark("vault is active");
  return { ...vault, headers: { "x-vault-token": token } };
}

/** The initial root token ends with it. */
async function establishTrust(vault: Endpoint): Promise<Endpoint> {
  for (const group of recipe.vault.writes) {
    await Promise.all(fill(group, values).map(({ path, body }) => call(vault, "POST", `/v1/${path}`, body)));
  }
  await call(vault, "POST", "/v1/auth/token/revoke-self");
  mark("trust");
  return { ...vault, headers: {} };
}

async function startControlPlane(): Promise<Endpoint> {
  await start("etcd");
  const file = (name: string) => readFile(join(directory, "pki", "etcd", name), "utf8");
  const [ca, cert, key] = await Promise.all(["ca.crt", "kube-apiserver.crt", "kube-apiserver.key"].map(file));
  await answering(endpoint(origin("etcd"), { ca, cert, key }), "/health");
  mark("etcd answers");
  await start("kube-apiserver");
  const administrator = await issueClient(clusterAuthority, "administrator", "system:masters");
  const { certificate, key: ownKey } = administrator;
  const client = endpoint(origin("kube-apiserver"), { ca: clusterCa, cert: certificate, key: ownKey });
  await answering(client, "/readyz");
  mark("kube-apiserver is ready");
  return client;
}

async function startControllerManager(): Promise<void> {
  const name = "kube-controller-manager";
  const { certificate, key } = await issueClient(clusterAuthority, `system:${name}`);
  const user = { "client-certificate-data": base64(certificate), "client-key-data": base64(key) };
  await write(`etc/${name}.kubeconfig`, kubeconfig(user));
  await start(name);
  await answering(endpoint(origin(name), { ca: clusterCa }), "/healthz");
  mark(`${name} answers`);
}

async function startRedis(): Promise<void> {
  await start("redis");
  const answers = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(Number(values.get("port.redis")), "127.0.0.1", () => socket.write("PING\r\n"));
      socket.on("data", () => socket.destroy() && resolve(true));
      socket.on("error", () => resolve(false));
    });
  while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function startRepoServer(): Promise<void> {
  await start("argocd-repo-server");
  await answering(endpoint(origin("argocd-repo-server-metrics", "http")), "/healthz");
  mark("argocd-repo-server answers");
}

async function startController(): Promise<void> {
  const [namespace, name] = ["argocd", "argocd-application-controller"];
  await write("etc/argocd-controller.token", await tokenOf({ namespace, name }));
  await write(
    "etc/argocd-controller.kubeconfig",
    kubeconfig({ tokenFile: join(directory, "etc/argocd-controller.token") }),
  );
  await start(name);
  await answering(endpoint(origin("argocd-controller-metrics", "http")), "/healthz");
  mark("argocd-application-controller answers");
}

async function startGitServer(): Promise<void> {
  const program = fileURLToPath(new URL("gitServer.ts", import.meta.url));
  await write("etc/git-server.json", fill(recipe.files["etc/git-server.json"] ?? "", values));
  const log = await open(join(directory, "logs", "git-server.log"), "a");
  const options = { cwd: directory, detached: true, stdio: ["ignore", log.fd, log.fd] as ["ignore", number, number] };
  spawn(process.execPath, [program, directory], { ...options, env: { NODE_COMPILE_CACHE: compileCache } }).unref();
  await log.close();
  await answering(endpoint(origin("git"), { ca: platformCa }), "/healthz");
  mark("git server answers");
}

async function applyObjects(): Promise<void> {
  await Promise.all(ofKind("Namespace").map(apply));
  const later = ["Namespace", "AppProject", "Application"];
  await Promise.all(recipe.objects.filter(({ body }) => !later.includes(body.kind)).map(apply));
  mark("objects");
}

async function define(definition: RecordedObject): Promise<void> {
  interface Definition {
    readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }
  await apply(definition);
  const isEstablished = ({ status }: Definition) =>
    status?.conditions?.some((condition) => condition.type === "Established" && condition.status === "True") === true;
  await answering(api, definition.path, (answer) => isEstablished(answer as Definition));
  mark("definitions");
}

async function learnGeneration(): Promise<void> {
  const path = "/api/v1/namespaces/kube-system";
  const { metadata } = await call<{ metadata: { uid: string } }>(api, "GET", path);
  values.set("generation", metadata.uid);
  values.set("generation.short", metadata.uid.slice(0, 8));
}

/** Token of a service account -> login -> token of Vault -> OIDC token -> Secret. */
async function putCredential([vault]: [Endpoint, unknown]): Promise<void> {
  const { mount, role, oidcRole, name, url, reader } = fill(repository, values);
  const jwt = await tokenOf({ ...reader, audience: "vault" });
  const { auth } = await call<{ auth: { client_token: string } }>(vault, "POST", `/v1/auth/${mount}/login`, {
    role,
    jwt,
  });
  const session = { ...vault, headers: { "x-vault-token": auth.client_token } };
  const { data } = await call<{ data: { token: string } }>(session, "GET", `/v1/identity/oidc/token/${oidcRole}`);
  await call(api, "POST", "/api/v1/namespaces/argocd/secrets", {
    metadata: { name: `repo-${name}`, labels: { "argocd.argoproj.io/secret-type": "repository" } },
    stringData: { type: "git", name, url, username: "oidc", password: data.token },
  });
  mark("credential");
}

async function reconcile(): Promise<void> {
  const [application] = ofKind("Application");
  if (application === undefined) throw new Error("the recipe has no Application");
  await apply(application);
  mark("application");
  const [collection, name] = [dirname(application.path), application.path.slice(dirname(application.path).length + 1)];
  const events = stream<{ object: Application }>(api, `${collection}?watch=true&fieldSelector=metadata.name%3D${name}`);
  for await (const { object } of events) {
    const { sync, health } = object.status ?? {};
    const isThere = sync?.revision === repository.revision && sync.status === "Synced" && health?.status === "Healthy";
    if (isThere) break;
  }
  mark("synced and healthy");
}

function ofKind(kind: string): RecordedObject[] {
  return recipe.objects.filter(({ body }) => body.kind === kind);
}

async function apply({ path, body }: RecordedObject): Promise<void> {
  const headers = { "content-type": "application/apply-patch+yaml" };
  await call(api, "PATCH", `${path}?fieldManager=floor&force=true`, fill(body, values), headers);
}

async function tokenOf(account: { namespace: string; name: string; audience?: string }): Promise<string> {
  const { namespace, name, audience } = account;
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const spec = { expirationSeconds: 600, ...(audience === undefined ? {} : { audiences: [audience] }) };
  const { status } = await call<{ status: { token: string } }>(api, "POST", path, { spec });
  return status.token;
}

function kubeconfig(user: object): string {
  const cluster = { server: origin("kube-apiserver"), "certificate-authority-data": base64(clusterCa) };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "floor", cluster }],
    users: [{ name: "floor", user }],
    contexts: [{ name: "floor", context: { cluster: "floor", user: "floor" } }],
    "current-context": "floor",
  });
}

async function start(name: string): Promise<void> {
  const server = recipe.servers[name];
  if (server === undefined) throw new Error(`the recipe has no server ${name}`);
  await startServer(name, server, values);
}

function origin(port: string, scheme = "https"): string {
  return `${scheme}://127.0.0.1:${values.get(`port.${port}`)}`;
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(directory, path)), { recursive: true });
  await writeFile(join(directory, path), content);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** When something was there, in ms since this process began. */
function mark(what: string): void {
  marks[what] = Math.round(performance.now());
}
