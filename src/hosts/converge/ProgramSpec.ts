/** What the program's process is told on its standard input, as one line of JSON. */
export interface ProgramSpec {
  readonly program: string;
  readonly project: string;
  readonly stack: string;
  readonly dryRun: boolean;
  /** gRPC target of both the resource monitor and the engine. */
  readonly address: string;
  readonly config: Readonly<Record<string, string>>;
  readonly compileCache: string;
}

/** Stream id of the log message that says why the program failed, among those that it logs itself. */
export const FATAL_STREAM = 32;

/** Stream id of the log message that says that a callback was not run in a plan: its value is not known. */
export const LEFT_OUT_STREAM = 33;
