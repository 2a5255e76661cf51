import { failureOf } from "../../config/failureOf.ts";
import { redactCredentials } from "../../config/redactCredentials.ts";
import { type Finding, not } from "./Finding.ts";

/** How long a check may take: whoever waits for a table wants it soon. */
export const PATIENCE_MS = 5_000;

/** A finding with the name of its check: what `--json` lists. */
export interface Examined extends Finding {
  readonly id: string;
}

/** Runs one check, `PATIENCE_MS` at most. Never rejects: what it throws is its finding. */
export async function examine(
  id: string,
  check: () => Promise<Finding> | Finding,
  patienceMs = PATIENCE_MS,
): Promise<Examined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    const finding = not(
      "unknown",
      `no answer in ${patienceMs / 1000} s`,
      "see whether what it asks hangs, and run it again",
    );
    timer = setTimeout(resolve, patienceMs, finding);
  });
  try {
    const { result, seen, action } = await Promise.race([check(), late]);
    return { id, result, seen: redactCredentials(seen), action: action && redactCredentials(action) };
  } catch (error) {
    const { message, hint } = failureOf(error);
    return { id, ...not("problem", message, hint) };
  } finally {
    clearTimeout(timer);
  }
}
