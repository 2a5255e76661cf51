import { createInterface } from "node:readline";
import { DayzeroError } from "../config/DayzeroError.ts";

export interface ToolRun {
  command: string;
  arguments: readonly string[];
  directory?: string;
  /** The whole environment of the child: nothing is inherited. */
  environment: Record<string, string>;
  signal?: AbortSignal;
  onLine?: (line: string) => void;
  /** For the error: what was attempted, `cannot ...`, and the next thing to do. */
  attempted: string;
  hint: string;
}

const SHOWN_LINES = 15;

/** Runs a tool and returns its standard output; throws TOOL_BUILD_FAILED with its last lines, or TOOL_MISSING if there is none. */
export async function runTool(run: ToolRun): Promise<string> {
  const { execa } = await import("execa");
  const lines: string[] = [];
  const child = execa(run.command, run.arguments, {
    ...(run.directory === undefined ? {} : { cwd: run.directory }),
    ...(run.signal === undefined ? {} : { cancelSignal: run.signal }),
    env: run.environment,
    extendEnv: false,
    stdin: "ignore",
    reject: false,
    maxBuffer: 64 * 1024 * 1024,
  });
  const keep = (line: string) => {
    if (line.trim() === "") return;
    lines.push(line);
    if (lines.length > SHOWN_LINES) lines.shift();
    run.onLine?.(line);
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", keep);
  const result = await child;
  run.signal?.throwIfAborted();
  if (result.code === "ENOENT") {
    throw new DayzeroError("TOOL_MISSING", `${run.attempted}: ${run.command} is not on PATH`, { hint: run.hint });
  }
  if (result.failed) {
    const ended = result.signal === undefined ? `exit code ${result.exitCode}` : `signal ${result.signal}`;
    const shown = lines.map((line) => `\n  | ${line}`).join("");
    throw new DayzeroError("TOOL_BUILD_FAILED", `${run.attempted}: ${run.command} ended with ${ended}${shown}`, {
      hint: run.hint,
    });
  }
  return result.stdout;
}
