/** Where the agent's pod has what. */
export const AGENT_PATHS = {
  configuration: "/etc/dayzero/agent.json",
  identity: "/var/run/secrets/dayzero",
  heartbeat: "/tmp/heartbeat.json",
} as const;

/** What the writer that an agent enters in the Secret begins with. */
export const AGENT_WRITER = "agent/";

/** Files of the projected volume: token for the API server, CA of the API server, token for Vault. */
export const AGENT_IDENTITY = { kubernetes: "token", ca: "ca.crt", vault: "vault-token" } as const;
