import { DayzeroError } from "../../config/DayzeroError.ts";
import type { LiveSecret, LiveSecrets } from "../LiveSecret.ts";
import type { Subject } from "../Subject.ts";
import { SHORTEST_VALUE } from "../search/formsOf.ts";
import { clusterSecrets } from "./clusterSecrets.ts";
import { fileSecrets } from "./fileSecrets.ts";
import { sealMaterial } from "./sealMaterial.ts";

/** What is read of a stack to know its credentials. */
export type Readable = Pick<Subject, "spec" | "layout" | "context" | "ledger">;

/**
 * Every credential value of the stack that is good now and lies somewhere: in files of its folder, in Secrets of its cluster, sealed.
 * What is only minted when it is asked for (the broker's tokens, the administrator's certificate, the operator's login) lies nowhere.
 *
 * Whatever cannot be read is told instead; it does not reject.
 */
export async function gatherSecrets(subject: Readable, canaries: readonly LiveSecret[]): Promise<LiveSecrets> {
  const gathered = await Promise.all(
    [fileSecrets, clusterSecrets, sealMaterial].map((source) => source(subject).catch(untold)),
  );
  const known: LiveSecret[] = [];
  const unread = gathered.flatMap((secrets) => secrets.unread);
  for (const secret of [...canaries, ...gathered.flatMap((secrets) => secrets.known)]) {
    const isTooShort = secret.value.reveal().trim().length < SHORTEST_VALUE;
    if (isTooShort)
      unread.push(`${secret.what} is shorter than ${SHORTEST_VALUE} characters: it would be found everywhere`);
    else known.push(secret);
  }
  return { known: merged(known), unread };
}

function untold(error: unknown): LiveSecrets {
  const hint = error instanceof DayzeroError && error.hint !== undefined ? ` (${error.hint})` : "";
  return { known: [], unread: [`${error instanceof Error ? error.message : "unknown"}${hint}`] };
}

/** One value that several sources know, such as a key whose Secret is a file too, belongs wherever one of them says. */
function merged(secrets: readonly LiveSecret[]): LiveSecret[] {
  const byValue = new Map<string, LiveSecret>();
  for (const secret of secrets) {
    const value = secret.value.reveal();
    const { what, belongs } = byValue.get(value) ?? { what: secret.what, belongs: [] };
    byValue.set(value, { what, value: secret.value, belongs: [...belongs, ...secret.belongs] });
  }
  return [...byValue.values()];
}
