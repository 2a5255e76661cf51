import type { LiveSecret } from "../LiveSecret.ts";
import { formsOf, SHORTEST_VALUE } from "./formsOf.ts";

/** Where a value was first seen. */
export interface Match {
  readonly secret: LiveSecret;
  /** Byte of the text. */
  readonly offset: number;
}

interface Needle {
  readonly secret: LiveSecret;
  readonly bytes: Buffer;
}

type Found = (secret: LiveSecret, at: number) => void;

/** Blocks of three bytes, by hash. */
const BLOCKS = 1 << 16;

/**
 * Looks for all values at once, in time that hardly grows with their number: some 25 values have hundreds of forms, and 64 MB of
 * etcd's log that are searched for one after the other take seconds.
 *
 * Wu and Manber, A fast algorithm for multi-pattern searching (TR-94-17, 1994), with blocks of three: the last block of a window says
 * how far no form can begin, and that is most of the window nearly always.
 */
export class ValueSearch {
  readonly secrets: readonly LiveSecret[];
  readonly #window: number;
  readonly #longest: number;
  readonly #shifts: Uint8Array;
  readonly #needles = new Map<number, Needle[]>();

  /** Throws for a value that is too short to be looked for, naming it. */
  constructor(secrets: readonly LiveSecret[]) {
    this.secrets = secrets;
    const needles = secrets.flatMap((secret) => {
      if (secret.value.reveal().trim().length < SHORTEST_VALUE) {
        throw new Error(`${secret.what} has fewer than ${SHORTEST_VALUE} characters: it cannot be looked for`);
      }
      return formsOf(secret.value).map((bytes): Needle => ({ secret, bytes }));
    });
    const lengths = needles.map(({ bytes }) => bytes.length);
    this.#window = Math.min(...lengths, 255);
    this.#longest = Math.max(...lengths, 0);
    this.#shifts = new Uint8Array(BLOCKS).fill(this.#window - 2);
    for (const needle of needles) this.#add(needle);
  }

  /** Begins a text; it keeps no more of it than a form is long. */
  begin(): TextSearch {
    return new TextSearch(this.#longest, (text, found) => this.#find(text, found));
  }

  /** The values that one text holds. */
  within(text: Uint8Array | string): Match[] {
    const search = this.begin();
    search.push(typeof text === "string" ? Buffer.from(text) : text);
    return search.matches;
  }

  #add(needle: Needle): void {
    for (let end = 2; end < this.#window; end++) {
      const block = blockAt(needle.bytes, end);
      const shift = this.#window - 1 - end;
      if (shift < (this.#shifts[block] ?? 0)) this.#shifts[block] = shift;
      if (shift === 0) this.#needles.set(block, [...(this.#needles.get(block) ?? []), needle]);
    }
  }

  #find(text: Uint8Array, found: Found): void {
    const last = this.#window - 1;
    for (let end = last; end < text.length; ) {
      const block = blockAt(text, end);
      const shift = this.#shifts[block] ?? 0;
      if (shift === 0) {
        const start = end - last;
        for (const { secret, bytes } of this.#needles.get(block) ?? []) {
          if (bytes.equals(text.subarray(start, start + bytes.length))) found(secret, start);
        }
      }
      end += Math.max(1, shift);
    }
  }
}

/** One text that comes in pieces of any size. */
class TextSearch {
  readonly #found = new Map<LiveSecret, number>();
  readonly #find: (text: Uint8Array, found: Found) => void;
  readonly #overlap: number;
  #tail: Uint8Array = new Uint8Array();
  #read = 0;

  constructor(longest: number, find: (text: Uint8Array, found: Found) => void) {
    this.#overlap = Math.max(0, longest - 1);
    this.#find = find;
  }

  push(piece: Uint8Array): void {
    const text = this.#tail.length === 0 ? piece : Buffer.concat([this.#tail, piece]);
    const start = this.#read - this.#tail.length;
    this.#find(text, (secret, at) => {
      if (!this.#found.has(secret)) this.#found.set(secret, start + at);
    });
    this.#read += piece.length;
    // A copy: whoever gave the piece may fill its memory anew.
    this.#tail = Uint8Array.prototype.slice.call(text, Math.max(0, text.length - this.#overlap));
  }

  /** Of each value the first one, so far. */
  get matches(): Match[] {
    return [...this.#found].map(([secret, offset]) => ({ secret, offset }));
  }
}

function blockAt(text: Uint8Array, end: number): number {
  return (((text[end - 2] ?? 0) << 10) ^ ((text[end - 1] ?? 0) << 5) ^ (text[end] ?? 0)) & (BLOCKS - 1);
}
