import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";
import type { Change } from "../Resource.ts";

/** What the server itself writes at each change. */
const SERVER_METADATA: ReadonlySet<string> = new Set([
  "managedFields",
  "resourceVersion",
  "generation",
  "uid",
  "creationTimestamp",
]);
const LONGEST_SHOWN = 80;

/**
 * What applying would change: the differences between the live object and the server's answer to a dry run.
 *
 * Values of a Secret are never shown.
 */
export function compareObjects(live: KubernetesManifest, planned: KubernetesManifest): Change[] {
  const changes: Change[] = [];
  const secret = live.kind === "Secret";
  const walk = (before: unknown, after: unknown, path: string): void => {
    if (Object.is(before, after)) return;
    if (isObject(before) && isObject(after)) {
      for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
        if (path === "metadata" && SERVER_METADATA.has(key)) continue;
        if (path === "" && key === "status") continue;
        walk(before[key], after[key], path === "" ? key : `${path}.${key}`);
      }
      return;
    }
    if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
      before.forEach((item, index) => {
        walk(item, after[index], `${path}[${index}]`);
      });
      return;
    }
    const hidden = secret && /^(data|stringData)\b/.test(path);
    changes.push({
      action: "update",
      path,
      ...(before === undefined ? {} : { before: hidden ? "[secret]" : show(before) }),
      ...(after === undefined ? {} : { after: hidden ? "[secret]" : show(after) }),
    });
  };
  walk(live, planned, "");
  return changes;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN)}…`;
}
