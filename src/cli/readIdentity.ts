import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { DayzeroError } from "../config/DayzeroError.ts";
import { Secret } from "../credentials/Secret.ts";
import { parseIdentities } from "../credentials/sealing.ts";
import type { Run } from "./Run.ts";

/** The age identities of `--identity FILE`, as the file has them. Throws `AGE_IDENTITY_INVALID`, or `USAGE` where it cannot be read. */
export async function readIdentity(run: Pick<Run, "workingDirectory">, file: string): Promise<Secret> {
  const path = resolve(run.workingDirectory, file);
  try {
    const identity = new Secret(await readFile(path, "utf8"));
    if (parseIdentities(identity, path).length > 0) return identity;
    throw new DayzeroError("AGE_IDENTITY_INVALID", `there is no age identity in ${path}`, {
      hint: "give a file as age-keygen writes it",
    });
  } catch (cause) {
    if (cause instanceof DayzeroError) throw cause;
    throw new DayzeroError("USAGE", `cannot read the age identity ${path}`, {
      cause,
      hint: "name an age identity file with --identity",
    });
  }
}
