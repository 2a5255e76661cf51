import { z } from "zod";
import { nearestKey } from "./nearestKey.ts";
import type { Problem } from "./Problem.ts";

const repository = z.strictObject({
  /** Folder or URL of the user's own repository; without it a scaffold is made. */
  source: z.string().optional(),
  branch: z.string().optional(),
  /** Folder in the repository that the root Application reconciles. */
  path: z.string().optional(),
});

const vault = z.strictObject({
  /** Public age keys (`age1…`) that the unseal shares are sealed to, one share each in turn. */
  recipients: z.array(z.string()).optional(),
  shares: z.int().min(1).max(255).optional(),
  threshold: z.int().min(1).max(255).optional(),
});

const own = z.strictObject({
  /** Which program of stacks/ makes this stack: `local` for stacks/local.ts. */
  "dayzero:program": z.string().optional(),
  "dayzero:repository": repository.optional(),
  "dayzero:vault": vault.optional(),
});

/** Keys that the Pulumi CLI keeps in the same file; they say nothing to Dayzero. */
const PULUMI_KEYS = ["config", "environment", "encryptionsalt", "encryptedkey", "secretsprovider"] as const;

/** What this file may say of Dayzero: the `dayzero:*` keys of `config` in `Pulumi.<stack>.yaml`. */
export type StackFile = z.infer<typeof own>;

export interface ParsedStackFile {
  readonly values: StackFile;
  /** Config of other packages (`aws:region`), as Pulumi hands it to a program. */
  readonly foreign: Readonly<Record<string, string>>;
  readonly problems: readonly Problem[];
}

/** Reads the parsed YAML of a stack file; never throws, every problem is in the result. */
export function parseStackFile(file: unknown): ParsedStackFile {
  if (file === undefined || file === null) return { values: {}, foreign: {}, problems: [] };
  if (!isRecord(file)) return failed({ path: "(file)", message: "expected a mapping", seen: file });
  const problems: Problem[] = [];
  for (const key of Object.keys(file)) {
    if (!(PULUMI_KEYS as readonly string[]).includes(key)) problems.push(unknownKey("", key, PULUMI_KEYS));
  }
  const config = file.config ?? {};
  if (!isRecord(config)) return failed(...problems, { path: "config", message: "expected a mapping", seen: config });

  const ours: [string, unknown][] = [];
  const foreign: Record<string, string> = {};
  for (const [key, value] of Object.entries(config)) {
    if (key.startsWith("dayzero:")) ours.push([key, value]);
    else if (/^[A-Za-z][\w-]*:[\w.-]+$/.test(key)) {
      const text = configText(value);
      if (text === undefined)
        problems.push({ path: `config.${key}`, message: "expected what JSON can hold", seen: value });
      else foreign[key] = text;
    } else problems.push(unknownKey("config.", key, Object.keys(own.shape)));
  }
  const parsed = own.safeParse(Object.fromEntries(ours));
  if (parsed.success) return { values: parsed.data, foreign, problems };
  return {
    values: {},
    foreign,
    problems: [...problems, ...parsed.error.issues.flatMap((issue) => explain(issue, config))],
  };
}

/** Config is text to Pulumi: strings as they are, the rest as JSON. Undefined for what JSON cannot hold, such as YAML's cyclic aliases. */
function configText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function explain(issue: z.core.$ZodIssue, config: Record<string, unknown>): Problem[] {
  const path = ["config", ...issue.path];
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(issue.path);
    return issue.keys.map((key) => unknownKey(`${showPath(path)}.`, key, known));
  }
  return [{ path: showPath(path), message: expectation(issue), seen: valueAt(config, issue.path) }];
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type")
    return `expected ${{ array: "a list", object: "a mapping", int: "a whole number" }[issue.expected as string] ?? `a ${issue.expected}`}`;
  if (issue.code === "too_small") return `expected at least ${issue.minimum}`;
  if (issue.code === "too_big") return `expected at most ${issue.maximum}`;
  return issue.message.toLowerCase();
}

function knownKeys(path: readonly PropertyKey[]): string[] {
  const [key] = path;
  if (key === undefined) return Object.keys(own.shape);
  return key === "dayzero:repository" ? Object.keys(repository.shape) : Object.keys(vault.shape);
}

function unknownKey(prefix: string, key: string, known: readonly string[]): Problem {
  const nearest = nearestKey(key, known);
  return {
    path: `${prefix}${key}`,
    message: `unknown key${nearest ? `, did you mean "${nearest}"?` : `, known are ${known.join(", ")}`}`,
  };
}

function failed(...problems: Problem[]): ParsedStackFile {
  return { values: {}, foreign: {}, problems };
}

function showPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index > 0 ? "." : ""}${String(part)}`))
    .join("");
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const part of path)
    value = typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined;
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
