import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import { searchStateFiles } from "../places/stateFiles.ts";
import { tellSearch } from "../places/tellSearch.ts";

const OTHERS = 0o077;

/** The ledger is the promise; this reads every file to see that it is whole. */
export const stateFolder: Check = {
  id: "state-folder",
  promise: "in the state folder a credential lies only where the ledger says, and only its owner may read it",
  remedy: "remove the file and run dayzero up; whoever could read it may have the credential: make that one anew",

  async look(subject) {
    const evidence = new Evidence();
    const { layout, ledger } = subject;
    const [searched, secrets] = await Promise.all([searchStateFiles(subject), subject.secrets()]);
    tellSearch(evidence, searched, secrets, "files of the state folder, those of etcd among them");
    const places = new Set(searched.sightings.filter(({ belongs }) => belongs).map(({ place }) => place));
    for (const place of places) {
      const entry = ledger.find(({ where }) => where === place);
      if (entry === undefined) evidence.violated(`${place} holds a credential, and the ledger does not name it`);
      else if (entry.residual && !entry.reason)
        evidence.violated(`${place} stays static, and the ledger does not say why`);
      const mode = (await lstat(join(layout.directory, place))).mode & 0o777;
      if ((mode & OTHERS) !== 0) evidence.violated(`${place} holds a credential, and its mode is ${mode.toString(8)}`);
    }
    if (places.size > 0) evidence.proved(`${places.size} files hold what the ledger says`);
    return evidence.finding;
  },
};
