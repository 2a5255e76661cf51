import type { StackSpec } from "../../config/StackSpec.ts";
import { formatElapsed } from "../narrator/formatElapsed.ts";
import type { Survey } from "./surveyStack.ts";

/** Argo CD has rights for exactly what the repository held at the last `up`; this is how it, or the API server, refuses the rest. */
const NOT_GRANTED =
  /not permitted in project|do not match any of the allowed destinations|forbidden|not managed|not available in the (project|cluster)|namespaced mode/i;

/** What keeps a stack from being healthy, each with what to do; empty when everything runs, is reconciled and may go on. */
export function problemsOf(
  { processes, application, credentials, credentialsUnknown, vaultClosed, recovery }: Survey,
  { program, adopted = false, now }: { program: StackSpec["program"]; adopted?: boolean; now: Date },
): string[] {
  const dead = processes.filter(({ pid }) => pid === null).map(({ name }) => name);
  const stuck = processes.filter(({ pid, healthy }) => pid !== null && !healthy).map(({ name }) => name);
  const problems: string[] = [];
  const local = program === "local";
  if (local && processes.length === 0) problems.push("nothing was started yet; run dayzero up");
  if (dead.length > 0) problems.push(`not running: ${dead.join(", ")}; run dayzero up, it starts what is dead`);
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
  for (const { name, expiresAt } of credentials) {
    const left = Date.parse(expiresAt) - now.getTime();
    if (!(left > 0)) {
      const since = Number.isNaN(left) ? "" : ` ${formatElapsed(-left)} ago`;
      const renewer = local ? "logs/renewer.log" : "the renewing agent's log in the cluster";
      problems.push(`Git credential ${name} expired${since}; see ${renewer}, and run dayzero up`);
    }
  }
  return [...problems, ...recovery];
}
