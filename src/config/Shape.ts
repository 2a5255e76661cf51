import { nearestKey } from "./nearestKey.ts";
import type { Problem } from "./Problem.ts";

/**
 * What a value of the configuration has to look like.
 *
 * Plain data and one function instead of a schema library: the program's process checks its configuration too, and there a library
 * costs 50 ms and 20 MB at each run.
 */
export type Shape =
  | { readonly kind: "text" }
  | { readonly kind: "integer"; readonly min: number; readonly max: number }
  | { readonly kind: "choice"; readonly of: readonly string[] }
  | { readonly kind: "list"; readonly of: Shape }
  /** A mapping of names of any kind to text. */
  | { readonly kind: "texts" }
  | { readonly kind: "mapping"; readonly fields: Readonly<Record<string, Field>> }
  /** A mapping whose other fields depend on the value of one. */
  | {
      readonly kind: "variants";
      readonly by: string;
      readonly of: Readonly<Record<string, Readonly<Record<string, Field>>>>;
    };

export type Field = Shape & { readonly required?: true };

/** Adds what is wrong with a value to `problems`; of unknown keys never the value. Whether the value has the shape. */
export function checkShape(shape: Shape, value: unknown, path: string, problems: Problem[]): boolean {
  const wrong = (message: string): false => {
    problems.push({ path, message, seen: value });
    return false;
  };
  switch (shape.kind) {
    case "text":
      return typeof value === "string" || wrong("expected a string");
    case "integer":
      if (typeof value !== "number" || !Number.isSafeInteger(value)) return wrong("expected a whole number");
      if (value < shape.min) return wrong(`expected at least ${shape.min}`);
      return value <= shape.max || wrong(`expected at most ${shape.max}`);
    case "choice":
      return (
        (typeof value === "string" && shape.of.includes(value)) ||
        wrong(`expected one of ${shape.of.join(", ")}${meant(value, shape.of)}`)
      );
    case "list":
      if (!Array.isArray(value)) return wrong("expected a list");
      // By index: holes count as items too.
      return Array.from({ length: value.length }, (_, index) =>
        checkShape(shape.of, value[index], `${path}[${index}]`, problems),
      ).every(Boolean);
    case "texts":
      if (!isRecord(value)) return wrong("expected a mapping");
      return Object.keys(value)
        .map((key) => checkShape({ kind: "text" }, value[key], `${path}.${key}`, problems))
        .every(Boolean);
    case "mapping":
      if (!isRecord(value)) return wrong("expected a mapping");
      return checkFields(shape.fields, value, path, problems);
    case "variants": {
      if (!isRecord(value)) return wrong("expected a mapping");
      const names = Object.keys(shape.of);
      const chosen = value[shape.by];
      if (!checkShape({ kind: "choice", of: names }, chosen, `${path}.${shape.by}`, problems)) return false;
      const fields = { [shape.by]: { kind: "text" } as const, ...shape.of[chosen as string] };
      return checkFields(fields, value, path, problems);
    }
  }
}

function checkFields(
  fields: Readonly<Record<string, Field>>,
  value: Record<string, unknown>,
  path: string,
  problems: Problem[],
): boolean {
  const before = problems.length;
  const known = Object.keys(fields);
  for (const [key, field] of Object.entries(fields)) {
    const found = Object.hasOwn(value, key) ? value[key] : undefined;
    if (found !== undefined || field.required) checkShape(field, found, `${path}.${key}`, problems);
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) problems.push(unknownKey(`${path}.`, key, known));
  }
  return problems.length === before;
}

export function unknownKey(prefix: string, key: string, known: readonly string[]): Problem {
  const nearest = nearestKey(key, known);
  return {
    path: `${prefix}${key}`,
    message: `unknown key${nearest ? `, did you mean "${nearest}"?` : `, known are ${known.join(", ")}`}`,
  };
}

function meant(value: unknown, known: readonly string[]): string {
  const nearest = typeof value === "string" ? nearestKey(value, known) : undefined;
  return nearest === undefined ? "" : ` (did you mean "${nearest}"?)`;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
