import type { Run } from "../../src/cli/Run.ts";

/** A run of a command in a folder that is a project of its own: nobody is at the terminal, and what is narrated is dropped. */
export function testRun(directory: string, more: Partial<Run> = {}): Run {
  return {
    environment: { HOME: "/home/me" },
    workingDirectory: directory,
    program: ["node", "dayzero.js"],
    packageDirectory: directory,
    columns: undefined,
    narrator: { tell: () => undefined, close: () => undefined },
    paint: (_style, text) => text,
    signal: new AbortController().signal,
    confirm: undefined,
    askSecret: undefined,
    ...more,
  };
}
