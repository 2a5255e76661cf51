import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import { tellSearch } from "../places/tellSearch.ts";
import { searchTemporaryFiles } from "../places/temporaryFiles.ts";

/** A program that is killed leaves behind what it put there, for whoever comes by. */
export const temporaryFiles: Check = {
  id: "temporary-files",
  promise: "no live credential lies in shared memory or in a temporary folder of this machine",
  remedy: "remove the file, and run dayzero up or rotate so that the credential is made anew",

  async look(subject) {
    const evidence = new Evidence();
    const [searched, secrets] = await Promise.all([searchTemporaryFiles(subject), subject.secrets()]);
    tellSearch(evidence, searched, secrets, "files in /dev/shm and temporary folders");
    return evidence.finding;
  },
};
