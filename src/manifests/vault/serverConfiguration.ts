/**
 * The server configuration of the embedded Vault (OpenBao), relative to the state folder it runs in.
 *
 * The audit device is declared here because OpenBao has no other way, and its path is relative because a restored snapshot must
 * not point at the folder it came from. The Unix socket is for break-glass only (generate-root with k shares), which OpenBao
 * refuses on network listeners. Sources: https://openbao.org/docs/configuration/, .../listener/unix/, .../storage/raft/.
 */
export function serverConfiguration(options: {
  port: number;
  clusterPort: number;
  /** Owner of the break-glass socket: its mode counts only together with an owner. */
  owner: { uid: number; gid: number };
}): string {
  const { port, clusterPort, owner } = options;
  return `ui = false
api_addr = "https://127.0.0.1:${port}"
cluster_addr = "https://127.0.0.1:${clusterPort}"
log_level = "info"

storage "raft" {
  path = "data/vault"
  node_id = "vault"
  # Elections with the timing meant for production hardware: at the default of 5 a single node takes 7 s to elect itself.
  performance_multiplier = 1
}

listener "tcp" {
  address = "127.0.0.1:${port}"
  cluster_address = "127.0.0.1:${clusterPort}"
  tls_cert_file = "pki/platform/vault.crt"
  tls_key_file = "pki/platform/vault.key"
  tls_min_version = "tls13"
}

listener "unix" {
  address = "run/vault.sock"
  socket_mode = "0600"
  socket_user = "${owner.uid}"
  socket_group = "${owner.gid}"
  tls_disable = true
  disable_unauthed_generate_root_endpoints = false
}

audit "file" "file" {
  description = "every request and answer, secrets as HMAC"
  options {
    file_path = "logs/vault-audit.log"
    mode = "0600"
  }
}
`;
}
