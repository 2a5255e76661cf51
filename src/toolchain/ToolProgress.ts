/**
 * What ensureTools() tells while it works. `estimate` comes once, before anything slow, and is the whole's length should no
 * release be reachable; `wait` says what is waited for; `output` is one line of narration or of the tool that builds.
 */
export type ToolProgress =
  | { kind: "estimate"; seconds: number; tools: string[] }
  | { kind: "start" | "done" | "wait"; tool: string; how: string; seconds?: number }
  | { kind: "output"; tool: string; line: string };
