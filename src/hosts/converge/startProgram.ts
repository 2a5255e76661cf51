import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ProgramSpec } from "./ProgramSpec.ts";

/** A running Pulumi program. */
export interface Program {
  readonly pid: number | undefined;
  /** How it ended: an exit code, or a signal's name; rejects when it could not be started. */
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  kill(): void;
}

interface StartOptions {
  readonly node: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly spec: ProgramSpec;
  /** A line that the program (or Node) printed. */
  readonly onLine: (line: string, stream: "stdout" | "stderr") => void;
}

/** Bounds what V8 lets garbage grow to between collections: a program holds little and makes much. */
const SMALL_HEAP = "--max-semi-space-size=4";

/**
 * Starts the program in a process of its own.
 *
 * It is in a process group of its own, so that an interrupt from the terminal reaches the host only, which then ends it in order. It
 * ends by itself when the host dies, because its standard input then does.
 */
export function startProgram({ node, environment, spec, onLine }: StartOptions): Program {
  const entry = import.meta.url.endsWith(".ts") ? "./programEntry.ts" : "./programEntry.js";
  const child: ChildProcess = spawn(node, [SMALL_HEAP, fileURLToPath(new URL(entry, import.meta.url))], {
    env: environment,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  // Only `converge` awaits it; until then a failed start must not count as unhandled.
  exited.catch(() => undefined);
  for (const stream of ["stdout", "stderr"] as const) {
    const input = child[stream];
    if (input !== null) createInterface({ input }).on("line", (line) => onLine(line, stream));
  }
  // A program that dies at once closes the pipe; its exit code tells.
  child.stdin?.on("error", () => undefined);
  child.stdin?.write(`${JSON.stringify(spec)}\n`);
  return {
    pid: child.pid,
    exited,
    kill: () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    },
  };
}
