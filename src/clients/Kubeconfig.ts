import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { DayzeroError } from "../config/DayzeroError.ts";
import { parseYaml } from "../config/parseYaml.ts";
import { Secret } from "../credentials/Secret.ts";
import { KubernetesClient, type KubernetesCredential } from "./KubernetesClient.ts";

/** A token file counts as good for so long. The client renews a minute before the end: it is read each minute, about as by client-go. */
const TOKEN_FILE_MS = 2 * 60_000;

/** Some ask in a browser first. */
const EXEC_MS = 60_000;

const execSchema = z.object({
  // Of both the fields used here are the same; the plugins of the large clouds write the older one.
  apiVersion: z.enum(["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]),
  command: z.string(),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  provideClusterInfo: z.boolean().optional(),
  interactiveMode: z.enum(["Never", "IfAvailable"], "nobody is there to ask: expected Never or IfAvailable").optional(),
});

const userSchema = z.object({
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  "client-certificate": z.string().optional(),
  "client-certificate-data": z.string().optional(),
  "client-key": z.string().optional(),
  "client-key-data": z.string().optional(),
  exec: execSchema.optional(),
  // Left out, it would be the person themselves who acts: mostly with more rights.
  as: z.undefined("impersonation is not supported").optional(),
});

const clusterSchema = z.object({
  server: z.string(),
  "certificate-authority": z.string().optional(),
  "certificate-authority-data": z.string().optional(),
  "insecure-skip-tls-verify": z.literal(false).optional(),
});

/** Of entries that other tools brought in for other clusters, nothing is asked but that they have a name. */
const kubeconfigSchema = z.object({
  "current-context": z.string().optional(),
  contexts: z.array(z.object({ name: z.string(), context: z.unknown() })),
  clusters: z.array(z.object({ name: z.string(), cluster: z.unknown() })),
  users: z.array(z.object({ name: z.string(), user: z.unknown() })),
});

const contextSchema = z.object({ cluster: z.string(), user: z.string() });

const execCredentialSchema = z.object({
  status: z.object({
    token: z.string().optional(),
    clientCertificateData: z.string().optional(),
    clientKeyData: z.string().optional(),
    expirationTimestamp: z.string().optional(),
  }),
});

type Exec = z.infer<typeof execSchema>;

/**
 * A client for a context of a kubeconfig, by default its current one; given as a path or as the YAML itself.
 *
 * Understands token, token file, client certificates and `exec` (client.authentication.k8s.io/v1); verification of the server
 * cannot be switched off. `environment` is what an `exec` command gets besides its own `env`; `hint` is what to do where there is no file.
 * Throws KUBECONFIG_MISSING or KUBECONFIG_INVALID.
 */
export function loadKubeconfig(
  pathOrYaml: string,
  options: { environment?: Readonly<Record<string, string>>; context?: string | undefined; hint?: string } = {},
): KubernetesClient {
  const inline = /[\n{]/.test(pathOrYaml);
  const folder = inline ? undefined : dirname(resolve(pathOrYaml));
  const where = inline ? "inline kubeconfig" : `kubeconfig ${pathOrYaml}`;
  const parse = <T>(schema: z.ZodType<T>, value: unknown, what?: string): T => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const problems = z.prettifyError(parsed.error).replaceAll("\n", " ");
    throw invalid(where, what === undefined ? problems : `${what}: ${problems}`);
  };
  const text = inline ? pathOrYaml : readText(pathOrYaml, options.hint);
  const config = parse(kubeconfigSchema, yamlOf(text, where));
  const chosen = options.context ?? config["current-context"];
  const named = config.contexts.find(({ name }) => name === chosen);
  if (named === undefined) {
    const known = config.contexts.map(({ name }) => name).join(", ");
    throw invalid(
      where,
      chosen === undefined ? "it has no current context" : `no context "${chosen}" (known: ${known})`,
    );
  }
  const context = parse(contextSchema, named.context, `context "${chosen}"`);
  const ofCluster = config.clusters.find(({ name }) => name === context.cluster);
  const ofUser = config.users.find(({ name }) => name === context.user);
  if (!ofCluster || !ofUser) throw invalid(where, `context "${chosen}" names no known cluster and user`);
  const cluster = parse(clusterSchema, ofCluster.cluster, `cluster "${context.cluster}"`);
  const user = parse(userSchema, ofUser.user ?? {}, `user "${context.user}"`);

  const locate = (path: string): string => (folder === undefined ? path : resolve(folder, path));
  const material = (data: string | undefined, path: string | undefined): string | undefined =>
    data !== undefined ? decode(data) : path === undefined ? undefined : readText(locate(path));
  const ca = material(cluster["certificate-authority-data"], cluster["certificate-authority"]);
  return new KubernetesClient({
    server: cluster.server,
    ca,
    credential: async () => {
      if (user.exec) return runExec(user.exec, { server: cluster.server, ca }, locate, options.environment ?? {});
      if (user.tokenFile !== undefined) {
        const token = new Secret((await readToken(locate(user.tokenFile), where)).trim());
        return { token, expiresAt: new Date(Date.now() + TOKEN_FILE_MS) };
      }
      if (user.token !== undefined) return { token: new Secret(user.token) };
      const certificate = material(user["client-certificate-data"], user["client-certificate"]);
      const key = material(user["client-key-data"], user["client-key"]);
      return certificate && key ? { certificate, key: new Secret(key) } : {};
    },
  });
}

async function readToken(path: string, where: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    // Not as the cause: the cluster is there, and a plan would take a missing file for a missing cluster.
    throw invalid(where, `cannot read its token file ${path}: ${String((error as NodeJS.ErrnoException).code)}`);
  }
}

/** Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins */
async function runExec(
  exec: Exec,
  { server, ca }: { server: string; ca: string | undefined },
  locate: (path: string) => string,
  environment: Readonly<Record<string, string>>,
): Promise<KubernetesCredential> {
  const command = exec.command.includes("/") ? locate(exec.command) : exec.command;
  const authority = ca === undefined ? {} : { "certificate-authority-data": Buffer.from(ca).toString("base64") };
  const about = exec.provideClusterInfo === true ? { cluster: { server, ...authority } } : {};
  const info = { apiVersion: exec.apiVersion, kind: "ExecCredential", spec: { interactive: false, ...about } };
  const own = Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value]));
  const env = { ...environment, ...own, KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  let stdout: string;
  try {
    ({ stdout } = await promisify(execFile)(command, exec.args ?? [], { env, timeout: EXEC_MS }));
  } catch (error) {
    // The error's message would quote standard error only; standard output, where the credential is, stays out of it.
    const detail = execFailure(error as ExecFailure);
    throw new DayzeroError("KUBECONFIG_EXEC_FAILED", `cannot get a credential from "${command}": ${detail}`, {
      hint: "see that the command works on its own; an embedded stack's gives none while that does not run (dayzero status)",
    });
  }
  const parsed = execCredentialSchema.safeParse(parseJson(stdout));
  if (!parsed.success) {
    throw new DayzeroError("KUBECONFIG_EXEC_FAILED", `"${command}" did not print an ExecCredential`, {
      hint: `correct the users entry of the kubeconfig: its exec command has to print one of ${exec.apiVersion}`,
    });
  }
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = parsed.data.status;
  return {
    ...(token === undefined ? {} : { token: new Secret(token) }),
    ...(clientCertificateData === undefined ? {} : { certificate: clientCertificateData }),
    ...(clientKeyData === undefined ? {} : { key: new Secret(clientKeyData) }),
    ...(expirationTimestamp === undefined ? {} : { expiresAt: new Date(expirationTimestamp) }),
  };
}

interface ExecFailure {
  readonly stderr?: string;
  readonly code?: unknown;
  readonly killed?: boolean;
  readonly signal?: string | null;
}

function execFailure({ stderr, code, killed, signal }: ExecFailure): string {
  if (code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER") return "it printed more than 1 MiB";
  if (killed === true) return `no answer in ${EXEC_MS / 1000} s`;
  const said = stderr?.trim().split("\n").at(-1);
  return said || (typeof signal === "string" ? `ended by ${signal}` : `exit ${String(code)}`);
}

function readText(path: string, hint?: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new DayzeroError("KUBECONFIG_MISSING", `cannot read "${path}"`, {
      cause,
      hint:
        hint ?? "name a kubeconfig that is there, and whose files are; a local stack's own is written by dayzero up",
    });
  }
}

function yamlOf(text: string, where: string): unknown {
  try {
    return parseYaml(text);
  } catch {
    // The parser's message quotes the text, which may hold a credential.
    throw invalid(where, "not YAML");
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invalid(where: string, problem: string): DayzeroError {
  return new DayzeroError("KUBECONFIG_INVALID", `cannot use ${where}: ${problem}`, {
    hint: "correct the kubeconfig, or run dayzero up where it is the stack's own",
  });
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
