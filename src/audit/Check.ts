import type { Subject } from "./Subject.ts";

/**
 * `proved`: it was looked at and holds. `violated`: it was looked at and does not hold. `unobservable`: it could not be looked at, or
 * not all of it; the evidence says what kept it from being seen.
 */
export type Verdict = "proved" | "violated" | "unobservable";

/** What a check found. */
export interface Finding {
  readonly verdict: Verdict;
  /** One line each, naming the object (`Secret argocd/repo-fleet`) and what was seen of it. Never a secret, nor a part of one. */
  readonly evidence: readonly string[];
}

/** One promise of Dayzero and how it is proved, by asking the live systems: one file each. It changes nothing that lasts. */
export interface Check {
  /** Stable, in kebab-case: scripts, SARIF rules and SECURITY.md refer to it. */
  readonly id: string;
  /** What is proved, as a sentence in the present tense: `no token in Vault has the root policy`. */
  readonly promise: string;
  /** What to do about a violation. */
  readonly remedy: string;
  /** A check that throws counts as `unobservable`, with the error's message as its evidence. */
  look(subject: Subject): Promise<Finding>;
}
