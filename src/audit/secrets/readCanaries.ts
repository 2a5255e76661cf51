import { readFile } from "node:fs/promises";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { Secret } from "../../credentials/Secret.ts";
import type { LiveSecret } from "../LiveSecret.ts";
import { SHORTEST_VALUE } from "../search/formsOf.ts";

/** Values that somebody planted to see where they come out, one a line. The file itself is where they belong. */
export async function readCanaries(file: string): Promise<LiveSecret[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new DayzeroError("USAGE", `cannot read the canaries ${file}`, { cause, hint: "name a file with --canary" });
  }
  const canaries = text.split("\n").flatMap((line, index): LiveSecret[] => {
    const value = line.trim();
    if (value === "") return [];
    const what = `canary of line ${index + 1} in ${file}`;
    if (value.length >= SHORTEST_VALUE) return [{ what, value: new Secret(value), belongs: [file] }];
    throw new DayzeroError("USAGE", `cannot look for the ${what}: it has ${value.length} characters`, {
      hint: `plant one of ${SHORTEST_VALUE} characters or more`,
    });
  });
  if (canaries.length > 0) return canaries;
  throw new DayzeroError("USAGE", `there is no canary in ${file}`, { hint: "write one value a line" });
}
