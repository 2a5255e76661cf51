import { looksLikeCredential } from "../../config/looksLikeCredential.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import type { Place } from "../places/Place.ts";
import { processesOf, type SeenProcess } from "../places/processes.ts";
import { searchPlaces } from "../places/searchPlaces.ts";
import { tellSearch } from "../places/tellSearch.ts";
import { valueSearchOf } from "../search/valueSearchOf.ts";

/**
 * Arguments are for every user of the machine to read, environments for the same user and for every child. What a program takes from
 * its environment alone is in the ledger, by the name of the process.
 *
 * Of the stack's own processes everything has to be seen, and nothing may even look like a credential. Other people's may be closed.
 */
export const processExposure: Check = {
  id: "process-exposure",
  promise: "no process carries a live credential in its arguments or environment, except where the ledger names it",
  remedy:
    "end the process, run dayzero up so that the credential is made anew, and pass the path of a file instead of a value",

  async look(subject) {
    const evidence = new Evidence();
    if (subject.spec.program === "existing") {
      evidence.unobservable("processes of the cluster's nodes are not seen from here: run such a search on a node");
    }
    if (process.platform !== "linux") {
      evidence.unobservable("this system does not show what processes were started with (no /proc)");
      return evidence.finding;
    }
    const [processes, search, secrets] = await Promise.all([
      processesOf(subject.layout),
      valueSearchOf(subject),
      subject.secrets(),
    ]);
    const own = processes.filter(({ server }) => server !== undefined);
    const others = processes.filter(({ server }) => server === undefined);
    if (subject.spec.program === "local") {
      tellSearch(evidence, await searchPlaces(placesOf(own), search), secrets, "the stack's processes");
      await tellForms(evidence, own);
    }
    const { unread, ...elsewhere } = await searchPlaces(placesOf(others), search);
    tellSearch(
      evidence,
      { ...elsewhere, unread: [] },
      secrets,
      `other processes (${unread.length} closed to this user)`,
    );
    return evidence.finding;
  },
};

function placesOf(processes: readonly SeenProcess[]): Place[] {
  return processes.flatMap((one) => [one.arguments, one.environment]);
}

/** What looks like a credential is none of today's values, or it was found before: an old one, or one that nobody told us of. */
async function tellForms(evidence: Evidence, processes: readonly SeenProcess[]): Promise<void> {
  for (const place of placesOf(processes)) {
    const pieces: Uint8Array[] = [];
    try {
      for await (const piece of place.content()) pieces.push(Buffer.from(piece));
    } catch {
      // Said already: it was not read.
    }
    for (const entry of Buffer.concat(pieces).toString("utf8").split("\0")) {
      const form = looksLikeCredential(entry);
      if (form !== undefined) evidence.violated(`what looks like ${form} is in ${place.name}`);
    }
  }
}
