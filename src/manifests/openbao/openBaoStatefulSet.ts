import type { Manifest } from "../argocd/Manifest.ts";
import { RESTRICTED_CONTAINER, RESTRICTED_POD } from "../restrictedPod.ts";
import type { OpenBaoSpec } from "./OpenBaoSpec.ts";
import {
  API_PORT,
  CLUSTER_PORT,
  OPENBAO,
  OPENBAO_CERTIFICATE,
  OPENBAO_INTERNAL,
  PATHS,
  SELECTOR,
  VOLUMES,
} from "./openBaoNames.ts";

/** It answers: initialized or not, sealed or not. A sealed node waits for people, and a restart would not unseal it. */
const ALIVE = "/v1/sys/health?uninitcode=200&sealedcode=200&standbycode=200&perfstandbycode=200";
/** It serves: a standby hands requests on. Not initialized and sealed nodes answer 501 and 503. */
const SERVES = "/v1/sys/health?standbyok=true&perfstandbyok=true";

/**
 * The nodes. They start side by side, because none is ready before the first is initialized, on machines of their own.
 *
 * `digests` are of what a node reads only at its start (configuration, certificate): a change of one starts the nodes anew, one
 * after the other. Source: https://openbao.org/docs/platform/k8s/.
 */
export function openBaoStatefulSet(
  spec: OpenBaoSpec,
  digests: { readonly configuration?: string; readonly certificate?: string },
): Manifest {
  const { namespace, replicas, seal } = spec;
  const auto = seal.type === "shamir" ? undefined : seal;
  const host = `$(POD_NAME).${OPENBAO_INTERNAL}.${namespace}.svc`;
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: OPENBAO, namespace, labels: { ...SELECTOR } },
    spec: {
      serviceName: OPENBAO_INTERNAL,
      replicas,
      podManagementPolicy: "Parallel",
      updateStrategy: { type: "RollingUpdate" },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      selector: { matchLabels: { ...SELECTOR } },
      template: {
        metadata: {
          labels: { ...SELECTOR, ...auto?.podLabels },
          annotations: Object.fromEntries(
            Object.entries(digests).map(([name, digest]) => [`dayzero.dev/${name}-digest`, digest]),
          ),
        },
        spec: {
          serviceAccountName: OPENBAO,
          // Workload identity brings its own token; Vault asks nothing of the API server.
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 60,
          securityContext: RESTRICTED_POD,
          affinity: {
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { ...SELECTOR } } },
              ],
            },
          },
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: "topology.kubernetes.io/zone",
              whenUnsatisfiable: "ScheduleAnyway",
              labelSelector: { matchLabels: { ...SELECTOR } },
            },
          ],
          containers: [
            {
              name: OPENBAO,
              image: spec.image,
              command: ["bao", "server", `-config=${PATHS.configuration}/server.json`],
              env: [
                { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
                { name: "BAO_RAFT_NODE_ID", value: "$(POD_NAME)" },
                { name: "BAO_API_ADDR", value: `https://${host}:${API_PORT}` },
                { name: "BAO_CLUSTER_ADDR", value: `https://${host}:${CLUSTER_PORT}` },
                { name: "HOME", value: PATHS.temporary },
              ],
              ...(auto?.environmentSecret === undefined
                ? {}
                : { envFrom: [{ secretRef: { name: auto.environmentSecret } }] }),
              ports: [
                { name: "api", containerPort: API_PORT },
                { name: "cluster", containerPort: CLUSTER_PORT },
              ],
              securityContext: RESTRICTED_CONTAINER,
              resources: { requests: { cpu: "250m", memory: "256Mi" }, limits: { memory: "1Gi" } },
              startupProbe: probe(ALIVE, { periodSeconds: 2, failureThreshold: 60 }),
              livenessProbe: probe(ALIVE, { periodSeconds: 10, failureThreshold: 6 }),
              readinessProbe: probe(SERVES, { periodSeconds: 3, failureThreshold: 2 }),
              // Until nobody sends it requests any more.
              lifecycle: { preStop: { sleep: { seconds: 5 } } },
              volumeMounts: [
                { name: "configuration", mountPath: PATHS.configuration, readOnly: true },
                { name: "tls", mountPath: PATHS.tls, readOnly: true },
                { name: "data", mountPath: PATHS.data },
                { name: "audit", mountPath: PATHS.audit },
                { name: "temporary", mountPath: PATHS.temporary },
                ...(auto?.plugin === undefined ? [] : [{ name: "plugins", mountPath: PATHS.plugins }]),
              ],
            },
          ],
          volumes: [
            { name: "configuration", configMap: { name: OPENBAO } },
            { name: "tls", secret: { secretName: OPENBAO_CERTIFICATE, defaultMode: 0o440 } },
            { name: "temporary", emptyDir: { sizeLimit: "256Mi" } },
            ...(auto?.plugin === undefined ? [] : [{ name: "plugins", emptyDir: { sizeLimit: "512Mi" } }]),
          ],
        },
      },
      volumeClaimTemplates: VOLUMES.map((name) => claim(name, spec)),
    },
  };
}

function probe(path: string, timing: { periodSeconds: number; failureThreshold: number }) {
  return { httpGet: { path, port: "api", scheme: "HTTPS" }, timeoutSeconds: 3, ...timing };
}

function claim(name: string, { storage, storageClass }: OpenBaoSpec) {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name },
    spec: {
      accessModes: ["ReadWriteOnce"],
      ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
      resources: { requests: { storage } },
    },
  };
}
