import { userInfo } from "node:os";
import { isAbsolute, join } from "node:path";
import { DayzeroError } from "../config/DayzeroError.ts";
import type { Secret } from "../credentials/Secret.ts";
import type { ExitCode } from "./exitCodes.ts";
import type { Narrator, Paint } from "./narrator/Narrator.ts";

/** What a command gets of the world outside; made once in main, which alone reads `process`. */
export interface Run {
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** This program: the running Node and the entry script. */
  readonly program: readonly [node: string, entry: string];
  /** Folder of this package's own Pulumi.yaml. */
  readonly packageDirectory: string;
  readonly narrator: Narrator;
  /** Colours the result, where that goes to a terminal. */
  readonly paint: Paint;
  /** Width of the terminal that shows the result, and keeps it; undefined where it goes elsewhere. */
  readonly columns: number | undefined;
  /** Aborted, with an `Interrupted` as its reason, when the person wants to stop. */
  readonly signal: AbortSignal;
  /** Asks on the terminal; undefined when nobody is there to answer. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined;
  /** Asks on the terminal for what must not be seen; undefined when nobody is there to answer. */
  readonly askSecret: ((question: string) => Promise<Secret>) | undefined;
}

/** What a command hands back; main prints it and exits. */
export interface Outcome {
  readonly exitCode: ExitCode;
  /** Printed by `--json`, on one line. */
  readonly json: unknown;
  /** Printed without `--json`. */
  readonly text: string;
}

/**
 * XDG base directory specification: relative paths are ignored. What is in there gets executed, so that without HOME it is the
 * home that the system knows and never a folder which others may write to. Throws `HOME_MISSING`.
 */
export function cacheDirectory(environment: Readonly<Record<string, string>>): string {
  const { XDG_CACHE_HOME = "", HOME = "" } = environment;
  if (isAbsolute(XDG_CACHE_HOME)) return join(XDG_CACHE_HOME, "dayzero");
  return join(isAbsolute(HOME) ? HOME : systemHome(), ".cache", "dayzero");
}

function systemHome(): string {
  try {
    return userInfo().homedir;
  } catch (cause) {
    throw new DayzeroError("HOME_MISSING", "cannot find a folder for the pinned tools: this user has no home", {
      cause,
      hint: "set XDG_CACHE_HOME to an absolute path of a folder that only you may write to",
    });
  }
}
