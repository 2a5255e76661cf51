import { KubernetesError } from "../clients/KubernetesError.ts";
import { causesOf } from "../config/causesOf.ts";
import { DayzeroError } from "../config/DayzeroError.ts";

/** Codes of errors that mean: the system was not made yet, or does not run. */
const CODES: ReadonlySet<string> = new Set([
  "KUBECONFIG_MISSING",
  "CLUSTER_NOT_RUNNING",
  "CLUSTER_ABSENT",
  "CLUSTER_INCOMPLETE",
  "PORT_UNKNOWN",
  "VAULT_ABSENT",
  "VAULT_AUTHORITY_MISSING",
  "VAULT_NOT_INITIALIZED",
  "VAULT_SEALED",
  "VAULT_UNREACHABLE",
]);

/**
 * Whether an error says that the system asked is not there, as opposed to broken: nothing listens, its socket or kubeconfig does not
 * exist, or Vault still is sealed. A plan then takes for granted that everything in it is to be made.
 */
export function isNotThere(error: unknown): boolean {
  for (const cause of causesOf(error)) {
    if (cause instanceof DayzeroError && CODES.has(cause.code)) return true;
    if (cause instanceof KubernetesError && cause.reason === "ConnectionRefused") return true;
    const { code } = cause as { code?: unknown };
    if (code === "ECONNREFUSED" || code === "ENOENT") return true;
    if (cause instanceof AggregateError && cause.errors.some(isNotThere)) return true;
  }
  return false;
}
