import { looksLikeCredential } from "../../config/looksLikeCredential.ts";

export interface FormMatch {
  /** `a signed token (JWT)` */
  readonly looksLike: string;
  /** Counted from 1. */
  readonly line: number;
}

/** A line that goes on for longer is looked at in parts. */
const LONGEST_CHARACTERS = 1 << 20;
/** Tokens and keys are shorter: one that a cut goes through is whole in the next part. */
const OVERLAP = 1 << 14;

/** Looks for what looks like a credential in a text that comes in pieces of any size: of each kind the first one. */
export class FormSearch {
  readonly #found = new Map<string, number>();
  #rest = "";
  /** Of the first character that is left. */
  #line = 1;

  push(piece: Uint8Array): void {
    // No form needs more than ASCII.
    const text = this.#rest + Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString("latin1");
    const end = text.lastIndexOf("\n");
    if (end < 0 && text.length < LONGEST_CHARACTERS) {
      this.#rest = text;
      return;
    }
    this.#look(text);
    // With the line before, for a key begins with a line of its own.
    const from = end < 0 ? -OVERLAP : Math.max(text.lastIndexOf("\n", end - 1) + 1, text.length - LONGEST_CHARACTERS);
    this.#rest = text.slice(from);
    this.#line += newlines(text) - newlines(this.#rest);
  }

  /** To be asked at the end of the text. */
  matches(): FormMatch[] {
    this.#look(this.#rest);
    return [...this.#found].map(([looksLike, line]) => ({ looksLike, line }));
  }

  #look(text: string): void {
    if (looksLikeCredential(text) === undefined) return;
    const lines = text.split("\n");
    const alone = lines.map((line) => looksLikeCredential(line));
    for (const [index, line] of lines.entries()) {
      // A private key is one from its second line on.
      const begins = alone[index + 1] === undefined && looksLikeCredential(`${line}\n${lines[index + 1] ?? ""}`);
      const looksLike = alone[index] ?? (begins || undefined);
      if (looksLike !== undefined && !this.#found.has(looksLike)) this.#found.set(looksLike, this.#line + index);
    }
  }
}

function newlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}
