import { credentialProblems } from "../../credentials/credentialProblems.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import { valueSearchOf } from "../search/valueSearchOf.ts";

/** What goes in and out of the program is what Pulumi would keep. */
export const programValues: Check = {
  id: "program-values",
  promise: "no input and no output of the stack's program is a live credential, or looks like one",
  remedy: "have the program pass the path or the name of what holds it, and make the credential anew",

  async look(subject) {
    const evidence = new Evidence();
    const [declared, search, secrets] = await Promise.all([
      subject.declared(),
      valueSearchOf(subject),
      subject.secrets(),
    ]);
    for (const { urn, inputs, outputs } of declared) {
      for (const [side, values] of Object.entries({ inputs, outputs })) {
        for (const { secret } of search.within(JSON.stringify(values))) {
          evidence.violated(`${secret.what} is in the ${side} of ${urn}`);
        }
        for (const { path, looksLike } of credentialProblems(values)) {
          evidence.violated(`what looks like ${looksLike} is in the ${side} of ${urn}, at ${path}`);
        }
      }
    }
    for (const line of secrets.unread) evidence.unobservable(`not looked for: ${line}`);
    evidence.proved(`${declared.length} resources, ${secrets.known.length} live values looked for`);
    return evidence.finding;
  },
};
