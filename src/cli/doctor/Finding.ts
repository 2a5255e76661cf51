/** `unknown`: nobody could tell, which is no problem by itself. */
export type Result = "ok" | "warning" | "problem" | "unknown";

/** What a check found. */
export interface Finding {
  readonly result: Result;
  readonly seen: string;
  /** What to do about it; null where there is nothing to do. */
  readonly action: string | null;
}

export function ok(seen: string): Finding {
  return { result: "ok", seen, action: null };
}

/** What is not `ok` says what to do. */
export function not(result: Exclude<Result, "ok">, seen: string, action: string): Finding {
  return { result, seen, action };
}
