import type { LedgerEntry } from "../../credentials/LedgerEntry.ts";
import { formatTable } from "../formatTable.ts";
import { formatElapsed } from "../narrator/formatElapsed.ts";
import type { Paint } from "../narrator/Narrator.ts";
import type { Survey } from "./surveyStack.ts";

/** A survey for people: what is wrong first, then how to use the stack, then the tables. */
export function formatSurvey(
  stack: string,
  survey: Survey,
  options: {
    problems: readonly string[];
    adopted?: boolean;
    kubectl: string;
    now: Date;
    paint: Paint;
    columns: number | undefined;
  },
): string {
  const { paint, now, problems } = options;
  const { application } = survey;
  const state = problems.length === 0 ? paint("green", "healthy") : paint("red", "not healthy");
  const argo =
    application === undefined
      ? options.adopted === true
        ? "as it was: it and its Applications are not looked at"
        : "no answer about the root Application"
      : `root Application is ${application.sync} and ${application.health}${application.revision ? ` at ${application.revision}` : ""}`;
  const lines = [
    `${paint("bold", `stack ${stack}`)}: ${state}`,
    ...problems.map((problem) => `${paint("red", "!")} ${problem}`),
    `  controller  Argo CD${options.adopted === true ? " " : ", "}${argo}`,
    `  kubectl     ${options.kubectl}`,
    ...survey.repositories.flatMap((path) => [
      `  clone       git clone ${path}`,
      `  push        git push ${path} HEAD:${application?.branch ?? "main"}`,
    ]),
  ];
  if (survey.processes.length > 0) {
    const rows = survey.processes.map(({ name, pid, healthy, restarts }) => [
      name,
      pid === null ? "-" : String(pid),
      `${pid === null ? "dead" : healthy ? "running" : "not ready"}${restarted(restarts, now)}`,
    ]);
    lines.push("", formatTable(["process", "pid", "state"], rows));
  }
  if (survey.credentials.length > 0) {
    const rows = survey.credentials.map(({ name, issuer, expiresAt, nextRenewal }) => [
      name,
      issuer,
      fromNow(expiresAt, now),
      fromNow(nextRenewal, now),
    ]);
    lines.push("", formatTable(["credential", "issuer", "expires", "next renewal"], rows));
  }
  if (survey.ledger.length > 0) lines.push("", formatLedger(survey.ledger, now, options.columns));
  if (survey.unobservable.length > 0) {
    const names = survey.unobservable.map((type) => type.split(":").at(-1));
    lines.push("", `could not look at: ${names.join(", ")}`);
  }
  return lines.join("\n");
}

/** `, restarted 2 times, last 12.0 s ago`; nothing where it was not. */
function restarted(restarts: readonly Date[], now: Date): string {
  const last = restarts.at(-1);
  if (last === undefined) return "";
  const times = restarts.length === 1 ? "once" : `${restarts.length} times`;
  return `, restarted ${times}, last ${formatElapsed(now.getTime() - last.getTime())} ago`;
}

/**
 * Every credential that exists because of the stack; what stays is told from what expires. Two lines for each where the table
 * is too wide for the terminal: nothing of it is left out.
 */
export function formatLedger(ledger: readonly LedgerEntry[], now: Date, columns: number | undefined): string {
  const rows = ledger.map(({ what, where, expiresAt, residual }) => [
    what,
    where,
    fromNow(expiresAt, now),
    residual ? "residual" : "short-lived",
  ]);
  const table = formatTable(["ledger", "where", "expires", "kind"], rows);
  if (table.split("\n").every((line) => line.length <= (columns ?? Number.POSITIVE_INFINITY))) return table;
  return ["LEDGER", ...rows.flatMap(([what, ...details]) => [what, `    ${details.join("  ")}`])].join("\n");
}

/** `in 6 min 20 s`, `12.0 s ago`, `never`. */
function fromNow(time: string | null, now: Date): string {
  if (time === null) return "never";
  const ms = Date.parse(time) - now.getTime();
  if (Number.isNaN(ms)) return time;
  return ms >= 0 ? `in ${formatElapsed(ms)}` : `${formatElapsed(-ms)} ago`;
}
