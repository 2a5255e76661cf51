import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import { searchRepositories } from "../places/searchRepositories.ts";
import { tellSearch } from "../places/tellSearch.ts";

/** Whoever may clone has all of it, for ever. */
export const gitHistory: Check = {
  id: "git-history",
  promise: "no live credential is in the history of the repository, whether a branch leads to it or not",
  remedy: "make the credential anew first, for every clone has it; then take it out of the history",

  async look(subject) {
    const evidence = new Evidence();
    const [searched, secrets] = await Promise.all([searchRepositories(subject), subject.secrets()]);
    tellSearch(evidence, searched, secrets, "objects of the repository");
    return evidence.finding;
  },
};
