import { join } from "node:path";
import { ARGOCD_NAMESPACE } from "../../manifests/argocd/controllerIdentity.ts";
import { DAYZERO_NAMESPACE } from "../../manifests/marks.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import type { LiveSecrets } from "../LiveSecret.ts";
import { filesBelow } from "../places/filesBelow.ts";
import type { Place } from "../places/Place.ts";
import { podLogs } from "../places/podLogs.ts";
import { searchPlaces } from "../places/searchPlaces.ts";
import { tellSearch } from "../places/tellSearch.ts";
import type { Subject } from "../Subject.ts";
import { FormSearch } from "../search/FormSearch.ts";
import type { ValueSearch } from "../search/ValueSearch.ts";
import { valueSearchOf } from "../search/valueSearchOf.ts";

/** Logs are read by more people than the systems that write them, and kept for longer. */
export const logs: Check = {
  id: "logs",
  promise: "no log holds a live credential, nor anything that has the form of a token or a private key",
  remedy: "make the credential anew, then remove the log, rotated ones and copies elsewhere included",

  async look(subject) {
    const evidence = new Evidence();
    const [search, secrets] = await Promise.all([valueSearchOf(subject), subject.secrets()]);
    const folder = join(subject.layout.directory, "logs");
    if (subject.spec.program === "local") {
      const files = filesBelow(folder, { name: (path) => path.slice(subject.layout.directory.length + 1) });
      await lookInto(evidence, files, { search, secrets }, "logs, rotated ones and Vault's audit log among them");
      return evidence.finding;
    }
    await evidence.look("logs of pods", "leave to list pods and to read pods/log", async () => {
      const places = await podLogs(await subject.context.kubernetes(), namespacesOf(subject));
      if (places.length === 0) evidence.unobservable("logs of pods: there is no pod");
      else await lookInto(evidence, places, { search, secrets }, "logs of containers, 16 MiB of each at most");
    });
    evidence.unobservable(
      "logs that the cluster's nodes sent elsewhere, its audit log among them, are not read from here",
    );
    return evidence.finding;
  },
};

function namespacesOf({ spec }: Subject): string[] {
  const vault = spec.program === "existing" && spec.vault.kind === "in-cluster" ? [spec.vault.install.namespace] : [];
  return [...new Set([ARGOCD_NAMESPACE, DAYZERO_NAMESPACE, ...vault])];
}

async function lookInto(
  evidence: Evidence,
  places: AsyncIterable<Place> | Iterable<Place>,
  { search, secrets }: { search: ValueSearch; secrets: LiveSecrets },
  what: string,
): Promise<void> {
  const forms: string[] = [];
  tellSearch(evidence, await searchPlaces(alsoForForms(places, forms), search), secrets, what);
  for (const form of forms) evidence.violated(form);
}

/** The same places; what is read of them is looked through for forms on the way. */
async function* alsoForForms(places: AsyncIterable<Place> | Iterable<Place>, found: string[]): AsyncGenerator<Place> {
  for await (const place of places) {
    const search = new FormSearch();
    yield {
      ...place,
      async *content() {
        for await (const piece of place.content()) {
          search.push(piece);
          yield piece;
        }
      },
    };
    for (const { looksLike, line } of search.matches()) {
      found.push(`what looks like ${looksLike} is in ${place.name}, line ${line}`);
    }
  }
}
