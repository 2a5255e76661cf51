import type { Change } from "../../resources/Resource.ts";
import { changePath, topOf } from "../propertyPath.ts";

/** What a Diff answers, without the wire. */
export interface Difference {
  readonly changed: boolean;
  /** Property path -> whether the change of it needs a replacement. */
  readonly paths: ReadonlyMap<string, { readonly replace: boolean; readonly input: boolean }>;
  /** Top-level properties of `paths`. */
  readonly diffs: readonly string[];
  /** The replacement has the identity of what it replaces: that has to go first. */
  readonly deleteBeforeReplace: boolean;
}

interface Compared {
  /** Identity in the state. */
  readonly id: string;
  /** Identity that the new inputs ask for; undefined while that is not known. */
  readonly nextId: string | undefined;
  readonly changes: readonly Change[];
  /** Inputs of the state and of the program, on the wire. */
  readonly oldInputs: Readonly<Record<string, unknown>>;
  readonly newInputs: Readonly<Record<string, unknown>>;
}

/**
 * What the plan of a resource is to Pulumi's engine.
 *
 * Another identity is a replacement that may be made before the old one goes. One with the same identity never may: names are
 * explicit, so the deletion that follows would take what was just made.
 */
export function differenceOf({ id, nextId, changes, oldInputs, newInputs }: Compared): Difference {
  const sameIdentity = nextId === id;
  const paths = new Map<string, { replace: boolean; input: boolean }>();
  if (!sameIdentity) {
    for (const key of changedKeys(oldInputs, newInputs)) paths.set(changePath(key), { replace: true, input: true });
  }
  const replaces = !sameIdentity || changes.some(({ action }) => action === "replace");
  for (const { action, path } of changes) {
    // A change of the whole resource has no path of its own: it is said of all its inputs.
    const named = path === "" ? Object.keys(newInputs).map((key) => changePath(key)) : [changePath(path)];
    for (const one of named) {
      const replace = action === "replace" || !sameIdentity || (paths.get(one)?.replace ?? false);
      paths.set(one, { replace, input: topOf(one) in newInputs });
    }
  }
  // Nothing that could be named: the engine looks at the kinds of the paths, so that there has to be one.
  if (paths.size === 0 && replaces) paths.set("id", { replace: true, input: false });
  return {
    changed: !sameIdentity || changes.length > 0,
    paths,
    diffs: [...new Set([...paths.keys()].map(topOf))],
    deleteBeforeReplace: sameIdentity,
  };
}

function changedKeys(one: Readonly<Record<string, unknown>>, other: Readonly<Record<string, unknown>>): string[] {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].filter((key) => JSON.stringify(one[key]) !== JSON.stringify(other[key]));
}
