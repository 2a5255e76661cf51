import { homedir } from "node:os";
import { RunError } from "@pulumi/pulumi/errors.js";
import { getRootDirectory, getStack } from "@pulumi/pulumi/metadata.js";
import { allConfig } from "@pulumi/pulumi/runtime/config.js";
import { DayzeroError } from "../config/DayzeroError.ts";
import { parsePulumiConfig } from "../config/parseStackSpec.ts";
import type { StackSpec } from "../config/StackSpec.ts";

/** What the stack's `dayzero:*` configuration says, by the rules of `dayzero up`. Throws an error without a stack trace, for people. */
export function readStackSpec(): StackSpec {
  const own = Object.entries(allConfig()).filter(([key]) => key.startsWith("dayzero:"));
  try {
    return parsePulumiConfig(Object.fromEntries(own), {
      stack: getStack(),
      directory: getRootDirectory(),
      home: homedir(),
    });
  } catch (error) {
    if (!(error instanceof DayzeroError)) throw error;
    throw new RunError(`${error.message} [${error.code}]\nhint: ${error.hint}`);
  }
}
