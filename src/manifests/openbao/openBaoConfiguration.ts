import type { OpenBaoSpec } from "./OpenBaoSpec.ts";
import { API_PORT, CLUSTER_PORT, nodeName, PATHS } from "./openBaoNames.ts";

/**
 * The server configuration of the nodes, JSON, one for all: what differs (its id, its own addresses) each node takes from its environment.
 *
 * The audit device is declared here because OpenBao has no other way. Standbys hand reads on as well: what was just written is
 * read back by another connection. Sources: https://openbao.org/docs/configuration/, .../storage/raft/, .../seal/, .../plugins/.
 */
export function openBaoConfiguration({ namespace, replicas, seal }: OpenBaoSpec): string {
  const configuration = {
    ui: false,
    log_level: "info",
    disable_standby_reads: true,
    storage: {
      raft: {
        path: PATHS.data,
        performance_multiplier: 1,
        retry_join: Array.from({ length: replicas }, (_, ordinal) => ({
          leader_api_addr: `https://${nodeName(namespace, ordinal)}:${API_PORT}`,
          leader_ca_cert_file: `${PATHS.tls}/ca.crt`,
        })),
      },
    },
    listener: [
      {
        tcp: {
          address: `[::]:${API_PORT}`,
          cluster_address: `[::]:${CLUSTER_PORT}`,
          tls_cert_file: `${PATHS.tls}/tls.crt`,
          tls_key_file: `${PATHS.tls}/tls.key`,
          tls_min_version: "tls13",
        },
      },
    ],
    audit: [
      {
        file: {
          file: {
            description: "every request and answer, secrets as HMAC",
            options: { file_path: `${PATHS.audit}/audit.log`, mode: "0600" },
          },
        },
      },
    ],
    ...(seal.type === "shamir" ? {} : sealed(seal)),
  };
  return `${JSON.stringify(configuration, undefined, 2)}\n`;
}

function sealed({ type, settings, plugin }: Exclude<OpenBaoSpec["seal"], { type: "shamir" }>) {
  const stanza = { seal: [{ [type]: settings }] };
  if (plugin === undefined) return stanza;
  const { image, version, binary, sha256 } = plugin;
  return {
    ...stanza,
    plugin_directory: PATHS.plugins,
    plugin_auto_download: true,
    plugin_auto_register: true,
    plugin_download_behavior: "fail",
    plugin: [{ kms: { [type]: { image, version, binary_name: binary, sha256sum: sha256 } } }],
  };
}
