import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import { searchPulumiStates } from "../places/searchPulumiStates.ts";
import { tellSearch } from "../places/tellSearch.ts";

/**
 * Pulumi keeps every input and output, and each state that was before. A value that it encrypted counts as well: whoever has the
 * passphrase has it.
 */
export const pulumiState: Check = {
  id: "pulumi-state",
  promise: "no live credential is in a state that Pulumi keeps of this stack",
  remedy: "make the credential anew, then remove it from the state and from its history and backups",

  async look(subject) {
    const evidence = new Evidence();
    const [{ unseen, ...searched }, secrets] = await Promise.all([searchPulumiStates(subject), subject.secrets()]);
    if (unseen !== undefined) evidence.unobservable(unseen);
    else if (searched.places + searched.unread.length === 0) evidence.proved("Pulumi knows no such stack");
    else tellSearch(evidence, searched, secrets, "states of the stack that Pulumi keeps");
    return evidence.finding;
  },
};
