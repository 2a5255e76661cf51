import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { REFRESH_ANNOTATION } from "../../manifests/argocd/refreshAnnotation.ts";
import { AWAIT_REVISION_ANNOTATION } from "../../manifests/marks.ts";

/**
 * Whether an object does what it is there for. `failing` says that it reports an error: that may pass (what it needs is only
 * being made), so it counts as final only when it lasts.
 */
export type Readiness =
  | { readonly state: "ready" }
  | { readonly state: "waiting" | "failing"; readonly reason: string };

interface Condition {
  readonly type: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
}

interface Status {
  readonly phase?: string;
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
}

interface ApplicationStatus {
  readonly sync?: {
    readonly status?: string;
    readonly revision?: string;
    readonly comparedTo?: { readonly source?: Source };
  };
  readonly health?: { readonly status?: string; readonly message?: string };
  readonly operationState?: { readonly phase?: string; readonly message?: string; readonly retryCount?: number };
  readonly conditions?: readonly Condition[];
  readonly resources?: readonly {
    readonly kind: string;
    readonly namespace?: string;
    readonly name: string;
    readonly status?: string;
    readonly health?: { readonly status?: string; readonly message?: string };
  }[];
}

type Source = Readonly<Record<string, unknown>>;

const READY: Readiness = { state: "ready" };

/** A failed sync is being tried again: until that attempt ends, what the last one said still holds. */
export const RETRYING = { state: "failing", reason: "the sync is tried again" } as const satisfies Readiness;

/** Argo CD counts its attempts within the message, which says nothing about what failed. */
const ATTEMPTS =
  /^Retrying operation.* Attempt #\d+$|\.? Retrying attempt #\d+ at [^ ]+$|\.? \(retried \d+ times\)\.?$/g;

/** Kinds that say themselves when they are ready; every other kind is ready once it is stored. */
const RULES: Readonly<Record<string, (object: KubernetesManifest) => Readiness>> = {
  "apiextensions.k8s.io/CustomResourceDefinition": (object) => condition(object, "Established"),
  "apiregistration.k8s.io/APIService": (object) => condition(object, "Available"),
  "apps/Deployment": (object) => condition(object, "Available"),
  "core/Namespace": (object) => {
    const { phase } = statusOf(object);
    return phase === "Active" ? READY : { state: "waiting", reason: `phase is ${phase ?? "not set"}` };
  },
  "argoproj.io/Application": application,
};

/**
 * How to make a controller look at an object again now, instead of at its next turn: an annotation to set, which the controller
 * takes off. It is not set anew before that: the second request would be lost with the first.
 */
const NUDGES: Readonly<Record<string, { annotation: string; value: (readiness: Readiness) => string }>> = {
  "argoproj.io/Application": {
    annotation: REFRESH_ANNOTATION,
    value: ({ state }) => (state === "failing" ? "hard" : "normal"),
  },
};

export function readinessOf(object: KubernetesManifest): Readiness {
  return RULES[groupKind(object)]?.(object) ?? READY;
}

/** Annotations that make the object's controller look again; `undefined` where none is needed or the last is still to be seen. */
export function nudgeOf(
  object: KubernetesManifest,
  readiness: Readiness,
): Readonly<Record<string, string>> | undefined {
  const nudge = NUDGES[groupKind(object)];
  const value = nudge?.value(readiness);
  if (nudge === undefined || value === undefined || object.metadata.annotations?.[nudge.annotation] === value) return;
  return { [nudge.annotation]: value };
}

/** `argoproj.io/Application`; the group without a name is `core`. */
export function groupKind({ apiVersion, kind }: { apiVersion: string; kind: string }): string {
  return `${apiVersion.includes("/") ? apiVersion.split("/")[0] : "core"}/${kind}`;
}

function condition(object: KubernetesManifest, type: string): Readiness {
  const { conditions, observedGeneration } = statusOf(object);
  const { generation } = object.metadata;
  if (observedGeneration !== undefined && generation !== undefined && observedGeneration < generation) {
    return { state: "waiting", reason: "its controller has not seen the change yet" };
  }
  const found = conditions?.find((candidate) => candidate.type === type);
  if (found?.status === "True") return READY;
  return { state: "waiting", reason: found === undefined ? `not ${type} yet` : `not ${type}: ${explain(found)}` };
}

function application(object: KubernetesManifest): Readiness {
  const status = (object.status ?? {}) as ApplicationStatus;
  const failed = status.conditions?.find(({ type }) => type === "ComparisonError" || type === "InvalidSpecError");
  if (failed !== undefined) return { state: "failing", reason: `${failed.type}: ${failed.message ?? ""}` };
  const { sync, health, operationState } = status;
  const wanted = object.metadata.annotations?.[AWAIT_REVISION_ANNOTATION];
  const isCompared = isComparedTo(object, sync?.comparedTo?.source);
  const isAtRevision = wanted === undefined || sync?.revision === wanted;
  if (isCompared && isAtRevision && sync?.status === "Synced" && health?.status === "Healthy") return READY;
  const { phase, retryCount = 0 } = operationState ?? {};
  const message = (operationState?.message ?? "").replaceAll(ATTEMPTS, "");
  if (phase === "Failed" || phase === "Error") {
    return {
      state: "failing",
      reason: `the last sync ended in ${phase}: ${[message, ...troubled(status)].join("; ")}`,
    };
  }
  if (phase === "Running" && retryCount > 0) {
    if (message === "") return RETRYING;
    return { state: "failing", reason: `${RETRYING.reason}: ${[message, ...troubled(status)].join("; ")}` };
  }
  if (!isCompared) return { state: "waiting", reason: "not compared with its source yet" };
  if (!isAtRevision) {
    return { state: "waiting", reason: `at revision ${short(sync?.revision)}, not yet at ${short(wanted)}` };
  }
  const state = health?.status === "Degraded" ? "failing" : "waiting";
  const parts = [`${sync?.status ?? "not compared"}, ${health?.status ?? "health unknown"}`, ...troubled(status)];
  if (phase === "Running" && message !== "") parts.push(message);
  return { state, reason: parts.join("; ") };
}

/** A status that was made for another source says nothing about this one. */
function isComparedTo(object: KubernetesManifest, compared: Source | undefined): boolean {
  const source = (object.spec as { source?: Source } | undefined)?.source;
  if (source === undefined) return true;
  return ["repoURL", "path", "targetRevision"].every((field) => (source[field] ?? "") === (compared?.[field] ?? ""));
}

/** The first three objects that are not as they should be, and how many more there are. */
function troubled({ resources = [] }: ApplicationStatus): string[] {
  const all = resources.filter(
    ({ status, health }) => status === "OutOfSync" || (health?.status ?? "Healthy") !== "Healthy",
  );
  const first = all.slice(0, 3).map(({ kind, namespace, name, status, health }) => {
    const what = `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
    return `${what} is ${[status, health?.status, health?.message].filter(Boolean).join(", ")}`;
  });
  return all.length > first.length ? [...first, `and ${all.length - first.length} more`] : first;
}

function explain({ reason, message }: Condition): string {
  return [reason, message].filter(Boolean).join(", ") || "no reason given";
}

function short(revision: string | undefined): string {
  return revision === undefined || revision === "" ? "none" : revision.slice(0, 8);
}

function statusOf(object: KubernetesManifest): Status {
  return (object.status ?? {}) as Status;
}
