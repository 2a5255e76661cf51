type Role = Readonly<Record<string, unknown>>;

const LEEWAYS = ["clock_skew_leeway", "expiration_leeway", "not_before_leeway"];

/**
 * What lets more than one identity, or an ended token, in through a role of a JWT or Kubernetes auth mount; pure. Each continues a
 * sentence that begins with the role.
 *
 * A leeway of 0 is Vault's default, which accepts a token half a minute after its end; -1 is none.
 * Sources: https://openbao.org/api-docs/auth/jwt/#create-update-role and .../auth/kubernetes/#create-update-role.
 */
export function roleProblems(type: string, role: Role): string[] {
  return type === "kubernetes" ? ofKubernetes(role) : ofJwt(role);
}

function ofJwt(role: Role): string[] {
  const problems: string[] = [];
  const subject = role.bound_subject;
  if (typeof subject !== "string" || subject === "") problems.push("binds no subject");
  else if (isGlob(subject)) problems.push(`binds the subject ${JSON.stringify(subject)}, a pattern`);
  problems.push(...listProblems("audience", role.bound_audiences));
  const kind = role.bound_claims_type;
  if (kind !== undefined && kind !== "string")
    problems.push(`has bound_claims_type ${JSON.stringify(kind)}, not "string"`);
  for (const name of LEEWAYS) {
    if (role[name] !== -1) problems.push(`has ${name} ${JSON.stringify(role[name] ?? 0)}, not -1`);
  }
  return problems;
}

function ofKubernetes(role: Role): string[] {
  return [
    ...listProblems("service account", role.bound_service_account_names),
    ...listProblems("namespace", role.bound_service_account_namespaces),
    ...(isNothing(role.bound_service_account_namespace_selector) ? [] : ["selects namespaces by their labels"]),
    ...(isNothing(role.audience) ? ["binds no audience"] : []),
  ];
}

function listProblems(what: string, value: unknown): string[] {
  const bound = (Array.isArray(value) ? value : []).map(String);
  if (bound.length === 0) return [`binds no ${what}`];
  const globs = bound.filter(isGlob);
  return globs.length === 0 ? [] : [`binds the ${what} ${JSON.stringify(globs.join(", "))}, a pattern`];
}

function isGlob(text: string): boolean {
  return text.includes("*");
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}
