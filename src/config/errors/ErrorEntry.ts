/** What is known of one error code, for `dayzero explain` and docs/errors.md. Plain text, where `code` stands in backticks. */
export interface ErrorEntry {
  /** What happened, in a few words; lower case, no full stop. */
  readonly title: string;
  /** What it means for the stack, and what was or was not done. */
  readonly meaning: string;
  /** The usual ones, the most likely first. */
  readonly causes: readonly string[];
  /** What to do, in this order. */
  readonly remedy: readonly string[];
}

/** The codes of one area, under a heading of their own in docs/errors.md. */
export type ErrorArea = Readonly<Record<string, ErrorEntry>>;
