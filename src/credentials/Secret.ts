/** What every way of printing a {@link Secret} shows. */
const REDACTED = "[secret]";

/**
 * A value that cannot be printed: `toString`, `toJSON`, template literals and `util.inspect` all show `[secret]`.
 *
 * The value leaves only through {@link Secret.reveal}, which is called at the last moment before the wire or the file.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return REDACTED;
  }
}
