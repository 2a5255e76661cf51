import type { Change } from "../Resource.ts";

export type Settings = Readonly<Record<string, unknown>>;

/**
 * What differs between settings as Vault shows them and as they are desired; order of lists does not count.
 *
 * Vault shows nothing, null, "", [] and {} for one and the same thing: not set. Settings that are not desired by name are
 * Vault's own business.
 */
export function settingsChanges(live: Settings, desired: Settings): Change[] {
  return Object.entries(desired).flatMap(([name, wanted]) => {
    const before = canonical(live[name]);
    const after = canonical(wanted);
    return before === after ? [] : [{ action: "update" as const, path: name, before, after }];
  });
}

function canonical(value: unknown): string {
  if (value === undefined || value === null || value === "" || value === false) return "";
  if (Array.isArray(value)) return value.map(canonical).sort().join(", ");
  if (typeof value === "object") {
    const entries = Object.entries(value).map(([name, inner]) => `${name}=${canonical(inner)}`);
    return entries.sort().join(", ");
  }
  return String(value).trim();
}
