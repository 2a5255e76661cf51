import { readFile } from "node:fs/promises";
import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { AgentConfiguration } from "../../manifests/agent/AgentConfiguration.ts";

const https = z.url({ protocol: /^https$/ });
const pem = z.string().startsWith("-----BEGIN CERTIFICATE-----");

const schema: z.ZodType<AgentConfiguration> = z.strictObject({
  server: https,
  vaultAddress: https,
  vaultCa: pem.optional(),
  mount: z.string().min(1),
  repository: z.string().min(1),
  url: https,
  gitCa: pem.optional(),
  oidcRole: z.string().min(1),
  namespace: z.string().min(1),
});

/** Throws `AGENT_CONFIGURATION_INVALID` with every problem. */
export async function readAgentConfiguration(path: string): Promise<AgentConfiguration> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new DayzeroError("AGENT_CONFIGURATION_INVALID", `cannot read the agent's configuration from ${path}`, {
      cause,
      hint: "`dayzero manifests agent` prints the ConfigMap that holds it, and where it is mounted",
    });
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const problems = z.prettifyError(parsed.error).replaceAll("\n", " ");
  throw new DayzeroError("AGENT_CONFIGURATION_INVALID", `cannot use the agent's configuration ${path}: ${problems}`, {
    hint: "take the ConfigMap that `dayzero manifests agent` prints",
  });
}
