/** The fields of an OpenBao audit entry that tests look at. */
export interface AuditEntry {
  readonly type: "request" | "response";
  readonly time: string;
  readonly request: { readonly operation: string; readonly path: string };
  /** Of a response; holds `auth` when somebody was logged in. */
  readonly response?: object;
}

/** The entries of an audit log, or of what came after its first `from` characters. */
export function auditEntries(log: string, from = 0): AuditEntry[] {
  const lines = log.slice(from).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as AuditEntry);
}

/** Whether the request changed something of Vault's configuration: neither a read nor a login. */
export function changesVault({ type, request }: AuditEntry): boolean {
  return type === "request" && !["read", "list"].includes(request.operation) && !request.path.endsWith("/login");
}
