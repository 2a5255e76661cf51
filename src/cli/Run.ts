import type { ExitCode } from "./exitCodes.ts";
import type { Narrator, Paint } from "./narrator/Narrator.ts";

/** What a command gets of the world outside; made once in main, which alone reads `process`. */
export interface Run {
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** This program: the running Node and the entry script. */
  readonly program: readonly [node: string, entry: string];
  /** Folder of Pulumi.yaml. */
  readonly projectDirectory: string;
  readonly narrator: Narrator;
  /** Colours the result, where that goes to a terminal. */
  readonly paint: Paint;
  /** Aborted, with an `Interrupted` as its reason, when the person wants to stop. */
  readonly signal: AbortSignal;
  /** Asks on the terminal; undefined when nobody is there to answer. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined;
}

/** What a command hands back; main prints it and exits. */
export interface Outcome {
  readonly exitCode: ExitCode;
  /** Printed by `--json`, on one line. */
  readonly json: unknown;
  /** Printed without `--json`. */
  readonly text: string;
}

/** XDG base directory specification: relative paths are ignored. */
export function cacheDirectory(environment: Readonly<Record<string, string>>): string {
  const { XDG_CACHE_HOME, HOME } = environment;
  return XDG_CACHE_HOME?.startsWith("/") ? `${XDG_CACHE_HOME}/dayzero` : `${HOME ?? "/tmp"}/.cache/dayzero`;
}
