import type { StackSpec } from "../../config/StackSpec.ts";
import { keepsEnding } from "../../daemons/upkeep/restartPolicy.ts";
import { formatElapsed } from "../narrator/formatElapsed.ts";
import type { CredentialStatus, Survey } from "./surveyStack.ts";

/** Argo CD has rights for exactly what the repository held at the last `up`; this is how it, or the API server, refuses the rest. */
const NOT_GRANTED =
  /not permitted in project|do not match any of the allowed destinations|forbidden|not managed|not available in the (project|cluster)|namespaced mode/i;

/** What keeps a stack from being healthy, each with what to do; empty when everything runs, is reconciled and may go on. */
export function problemsOf(
  {
    processes,
    application,
    credentials,
    credentialsUnknown,
    renewalFailure,
    auditProblem,
    vaultClosed,
    recovery,
  }: Survey,
  { program, adopted = false, now }: { program: StackSpec["program"]; adopted?: boolean; now: Date },
): string[] {
  const dead = processes.filter(({ pid }) => pid === null).map(({ name }) => name);
  const stuck = processes.filter(({ pid, healthy }) => pid !== null && !healthy).map(({ name }) => name);
  const problems: string[] = [];
  const local = program === "local";
  if (local && processes.length === 0) problems.push("nothing was started yet; run dayzero up");
  if (dead.length > 0) problems.push(`not running: ${dead.join(", ")}; run dayzero up, it starts what is dead`);
  for (const { name, restarts } of processes) {
    const last = restarts.at(-1);
    if (last === undefined || !keepsEnding(restarts, now)) continue;
    const since = formatElapsed(now.getTime() - last.getTime());
    problems.push(`${name} ends again and again: it was last restarted ${since} ago; see logs/${name}.log`);
  }
  if (stuck.length > 0) problems.push(`running and not ready: ${stuck.join(", ")}; see logs/${stuck[0]}.log`);
  if (application === undefined) {
    // The Applications of an Argo CD that was taken over are its owner's: the stack makes none.
    if (!adopted) {
      problems.push(
        "no answer about the root Application: not there yet, or the cluster does not answer; run dayzero up",
      );
    }
  } else {
    const { sync, health, trouble } = application;
    const look = "see kubectl -n argocd describe application root";
    if (sync !== "Synced") problems.push(`the root Application is ${sync}, not what the repository says; ${look}`);
    if (trouble !== undefined) {
      const grant = "; run dayzero up: it grants what the repository needs";
      problems.push(`Argo CD says: ${trouble}${NOT_GRANTED.test(trouble) ? grant : ""}`);
    }
    if (health !== "Healthy") problems.push(`the root Application is ${health}; ${look}`);
  }
  if (auditProblem !== undefined) {
    const goesOn = "make room there, it then answers by itself";
    problems.push(
      `Vault answers nothing while it cannot write its audit log (VAULT_AUDIT_BLOCKED): ${auditProblem}; ${goesOn}`,
    );
  }
  if (vaultClosed && !dead.includes("vault")) {
    problems.push("Vault is sealed or does not answer; run dayzero up, it unseals what it can");
  }
  if (credentialsUnknown !== undefined) {
    problems.push(`whether Argo CD has a Git credential is not known: ${credentialsUnknown}`);
  } else if (credentials.length === 0) {
    problems.push(
      adopted
        ? "Argo CD reads with the Secret that it had, do not revoke its token yet; run dayzero up, it replaces that"
        : "Argo CD has no Git credential; run dayzero up",
    );
  }
  if (renewalFailure !== undefined) problems.push(`the renewer cannot renew the Git credential: ${renewalFailure}`);
  const look = `see ${local ? "logs/renewer.log" : "the renewing agent's log in the cluster"}, and run dayzero up`;
  for (const credential of credentials) {
    const left = Date.parse(credential.expiresAt) - now.getTime();
    if (!(left > 0)) {
      const since = Number.isNaN(left) ? "" : ` ${formatElapsed(-left)} ago`;
      problems.push(`Git credential ${credential.name} expired${since}; ${look}`);
    } else if (isOverdue(credential, local, now)) {
      problems.push(
        `Git credential ${credential.name} should be new by now, and ends in ${formatElapsed(left)}; ${look}`,
      );
    }
  }
  return [...problems, ...recovery];
}

/** A schedule renews up to a third of a life after it is due; the renewer and the agent look every quarter of a minute. */
function isOverdue({ expiresAt, nextRenewal }: CredentialStatus, local: boolean, now: Date): boolean {
  const due = Date.parse(nextRenewal);
  return now.getTime() - due > (Date.parse(expiresAt) - due) * (local ? 1 / 4 : 3 / 4);
}
