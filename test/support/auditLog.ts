import { readFile } from "node:fs/promises";

/** The fields of a Kubernetes audit event (audit.k8s.io/v1) that tests look at. */
export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly userAgent?: string;
  readonly responseStatus?: { readonly code: number };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly requestReceivedTimestamp: string;
}

const READS = new Set(["get", "list", "watch"]);

export async function auditEvents(path: string): Promise<AuditEvent[]> {
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line.endsWith("}"));
  return lines.map((line) => JSON.parse(line) as AuditEvent);
}

/** Whether the request changed something: not a read, not a dry run, and neither a token request, an access review nor a Lease. */
export function mutates(event: AuditEvent): boolean {
  if (READS.has(event.verb) || event.requestURI.includes("dryRun=All")) return false;
  const resource = event.objectRef?.resource ?? "";
  if (resource === "leases" || resource.endsWith("accessreviews") || resource.endsWith("rulesreviews")) return false;
  return !(resource === "serviceaccounts" && event.objectRef?.subresource === "token");
}
