import { DayzeroError } from "../config/DayzeroError.ts";
import type { Finding, Verdict } from "./Check.ts";

/** From the worst to the best: the order in which evidence is told, and which of several verdicts is the check's. */
export const VERDICTS = ["violated", "unobservable", "proved"] as const satisfies readonly Verdict[];

/** Gathers what a check sees. The worst line is its verdict, so nothing that was seen is lost by what could not be looked at. */
export class Evidence {
  readonly #lines: Record<Verdict, string[]> = { violated: [], unobservable: [], proved: [] };

  violated(line: string): void {
    this.#lines.violated.push(line);
  }

  unobservable(line: string): void {
    this.#lines.unobservable.push(line);
  }

  proved(line: string): void {
    this.#lines.proved.push(line);
  }

  /** What `ask` answers; `undefined` when it fails, which is then evidence: what could not be looked at, what that takes, and why. */
  async look<T>(what: string, needs: string, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      this.unobservable(`${what}: not looked at, which takes ${needs}: ${reasonOf(error)}`);
      return undefined;
    }
  }

  /** Of no evidence at all: nothing was looked at. */
  get finding(): Finding {
    const verdict = VERDICTS.find((one) => this.#lines[one].length > 0);
    if (verdict === undefined) return { verdict: "unobservable", evidence: ["nothing was looked at"] };
    return { verdict, evidence: VERDICTS.flatMap((one) => this.#lines[one]) };
  }
}

/** Messages of our own errors and clients hold no secret; of others nothing is known. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return error instanceof DayzeroError && error.hint !== undefined ? `${error.message} (${error.hint})` : error.message;
}
