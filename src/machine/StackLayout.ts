import { join } from "node:path";

/** The embedded servers' ports, by the name under which `ports.json` remembers them. */
export const PORT_NAMES = [
  "etcd",
  "etcd-peer",
  "kube-apiserver",
  "kube-controller-manager",
  "vault",
  "vault-cluster",
  "redis",
  "git",
  "argocd-repo-server",
  "argocd-repo-server-metrics",
  "argocd-controller-metrics",
] as const;

export type PortName = (typeof PORT_NAMES)[number];

/**
 * Where everything of one stack lies below its state folder (`.dayzero/<stack>`, mode 0700).
 *
 * Processes run with this folder as their working directory, so configuration refers to these paths relative to it.
 */
export class StackLayout {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Administrator's kubeconfig; holds no credential, its `exec` mints one in memory. */
  get kubeconfig(): string {
    return join(this.directory, "kubeconfig");
  }

  get ports(): string {
    return join(this.directory, "ports.json");
  }

  /** Held by whoever changes the stack from this machine. */
  get lock(): string {
    return join(this.directory, "stack.lock");
  }

  /** CA and leaf certificates of one authority (`etcd`, `kubernetes`, `platform`): `ca.crt`, `ca.key`, `<leaf>.crt`, `<leaf>.key`. */
  pki(authority: string, file: string): string {
    return join(this.directory, "pki", authority, file);
  }

  /** Configuration file of a process. */
  etc(file: string): string {
    return join(this.directory, "etc", file);
  }

  /** What belongs to a running process: pid file, specification, socket. */
  run(file: string): string {
    return join(this.directory, "run", file);
  }

  /** Names the process that holds it: written by that process before it becomes the server. */
  pidFile(process: string): string {
    return this.run(`${process}.pid`);
  }

  /** What a process is meant to run as; written before it is started. */
  processSpec(process: string): string {
    return this.run(`${process}.json`);
  }

  /** When the stack's own daemons restarted a process: a time on each line. */
  restarts(process: string): string {
    return this.run(join("restarts", process));
  }

  /** Socket of the identity broker. */
  get identitySocket(): string {
    return this.run("identity.sock");
  }

  /** Socket of the renewer: where the post-receive hook and `dayzero status` find it. */
  get renewerSocket(): string {
    return this.run("renewer.sock");
  }

  /** Marks of the files that the stack's program declares; a mark outlives a crash between it and its file. */
  owned(kind: string): string {
    return join(this.directory, "owned", kind);
  }

  data(process: string): string {
    return join(this.directory, "data", process);
  }

  /** Of a process: what a next start of it does not need. */
  temporary(process: string): string {
    return join(this.directory, "tmp", process);
  }

  /** Output of each process, and audit logs. */
  get logs(): string {
    return join(this.directory, "logs");
  }

  log(process: string): string {
    return join(this.logs, `${process}.log`);
  }

  /** The empty HOME of every child process. */
  get home(): string {
    return join(this.directory, "home");
  }

  /** Sealed unseal shares, sealed root token while it exists, local age identity. */
  vault(file: string): string {
    return join(this.directory, "vault", file);
  }

  repository(name: string): string {
    return join(this.directory, "git", `${name}.git`);
  }
}
