import { createHash } from "node:crypto";
import type { Manifest } from "../argocd/Manifest.ts";
import { gitReaderAccess, gitReaderAccount } from "../gitReaderAccess.ts";
import { DNS_EGRESS, tcp } from "../networkRules.ts";
import { RESTRICTED_CONTAINER, RESTRICTED_POD } from "../restrictedPod.ts";
import { VAULT_AUDIENCE } from "../vault/trustNames.ts";
import type { AgentConfiguration } from "./AgentConfiguration.ts";
import { AGENT_IDENTITY, AGENT_PATHS } from "./agentPaths.ts";

export interface AgentSpec {
  /** Whose Git reader it is. */
  readonly stack: string;
  /** Of Dayzero, with a digest. */
  readonly image: string;
  /** Schedule of a CronJob; without it the agent is a Deployment. */
  readonly cron?: string;
  readonly configuration: AgentConfiguration;
}

/** Seconds; the kubelet renews a token at 80 % of its life, and ten minutes are the least. */
const TOKEN_SECONDS = 600;
/** Where API servers listen behind their Service: a NetworkPolicy counts after the Service's address was replaced. */
const API_SERVER_PORT = 6443;

/**
 * The process that renews the Git credential in the cluster, in the namespace of its service account. Keys are for the names of a program's resources.
 *
 * It has two short-lived tokens of its own service account, and may read and replace one Secret. Nobody can connect to it.
 */
export function agentObjects(spec: AgentSpec): Readonly<Record<string, Manifest>> {
  const { configuration } = spec;
  const account = gitReaderAccount(spec.stack);
  const { namespace } = account;
  const name = `dayzero-agent-${configuration.repository}`;
  const labels = { "app.kubernetes.io/name": name };
  const metadata = { name, namespace, labels };
  const access = gitReaderAccess({ ...configuration, serviceAccount: account });
  return {
    "service-account": {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: account,
      automountServiceAccountToken: false,
    },
    role: access.role,
    "role-binding": access.roleBinding,
    configuration: {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      data: { "agent.json": contentOf(configuration) },
    },
    "network-policy": {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata,
      spec: {
        podSelector: { matchLabels: labels },
        policyTypes: ["Ingress", "Egress"],
        ingress: [],
        egress: [DNS_EGRESS, { ports: tcp(...portsOf(configuration)) }],
      },
    },
    workload: spec.cron === undefined ? deployment(spec, metadata) : cronJob(spec, spec.cron, metadata),
  };
}

function deployment(spec: AgentSpec, metadata: Manifest["metadata"]): Manifest {
  const probe = (question: string) => ({
    exec: { command: [...COMMAND, "--check", question] },
    initialDelaySeconds: 5,
    periodSeconds: 30,
    timeoutSeconds: 10,
  });
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: {
      replicas: 1,
      // Two would race for the Secret, which is harmless, and for nothing.
      strategy: { type: "Recreate" },
      selector: { matchLabels: metadata.labels },
      template: template(spec, metadata, {
        args: [],
        restartPolicy: "Always",
        probes: { livenessProbe: probe("alive"), readinessProbe: probe("ready") },
      }),
    },
  };
}

function cronJob(spec: AgentSpec, schedule: string, metadata: Manifest["metadata"]): Manifest {
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata,
    spec: {
      schedule,
      concurrencyPolicy: "Replace",
      startingDeadlineSeconds: 60,
      successfulJobsHistoryLimit: 1,
      failedJobsHistoryLimit: 3,
      jobTemplate: {
        spec: {
          backoffLimit: 2,
          activeDeadlineSeconds: 120,
          template: template(spec, metadata, { args: ["--once"], restartPolicy: "Never", probes: {} }),
        },
      },
    },
  };
}

/** By its path in the image, and by no shell. */
const COMMAND = ["/nodejs/bin/node", "/app/src/cli/dayzero.js", "agent"];

function template(
  { image, configuration, stack }: AgentSpec,
  { name, labels }: Manifest["metadata"],
  kind: { args: string[]; restartPolicy: string; probes: object },
) {
  return {
    metadata: {
      labels,
      // The file is read once, at the start: what it says differently takes another pod.
      annotations: { "dayzero.dev/configuration": digestOf(configuration) },
    },
    spec: {
      serviceAccountName: gitReaderAccount(stack).name,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      restartPolicy: kind.restartPolicy,
      terminationGracePeriodSeconds: 10,
      securityContext: RESTRICTED_POD,
      containers: [
        {
          name: "agent",
          image,
          command: COMMAND,
          ...(kind.args.length === 0 ? {} : { args: kind.args }),
          securityContext: RESTRICTED_CONTAINER,
          // A probe is a process of its own, and counts.
          resources: { requests: { cpu: "20m", memory: "96Mi" }, limits: { memory: "256Mi" } },
          ...kind.probes,
          volumeMounts: [
            { name: "configuration", mountPath: folderOf(AGENT_PATHS.configuration), readOnly: true },
            { name: "identity", mountPath: AGENT_PATHS.identity, readOnly: true },
            { name: "temporary", mountPath: folderOf(AGENT_PATHS.heartbeat) },
          ],
        },
      ],
      volumes: [
        { name: "configuration", configMap: { name } },
        {
          name: "identity",
          projected: {
            defaultMode: 0o440,
            sources: [
              { serviceAccountToken: { path: AGENT_IDENTITY.kubernetes, expirationSeconds: TOKEN_SECONDS } },
              {
                serviceAccountToken: {
                  path: AGENT_IDENTITY.vault,
                  audience: VAULT_AUDIENCE,
                  expirationSeconds: TOKEN_SECONDS,
                },
              },
              {
                configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: AGENT_IDENTITY.ca }] },
              },
            ],
          },
        },
        { name: "temporary", emptyDir: { sizeLimit: "16Mi" } },
      ],
    },
  };
}

function contentOf(configuration: AgentConfiguration): string {
  return `${JSON.stringify(configuration, undefined, 2)}\n`;
}

function digestOf(configuration: AgentConfiguration): string {
  return createHash("sha256").update(contentOf(configuration)).digest("hex");
}

function portsOf({ server, vaultAddress, url }: AgentConfiguration): number[] {
  const ports = [server, vaultAddress, url].map((address) => Number(new URL(address).port || 443));
  return [...new Set([...ports, API_SERVER_PORT])].sort((one, other) => one - other);
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
