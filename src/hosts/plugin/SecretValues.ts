/** Shorter ones would take half of a message with them. */
const LEAST_CHARACTERS = 6;

/** Values that came as Pulumi secrets: taken out of everything that is shown. They are kept for as long as the plugin lives. */
export class SecretValues {
  readonly #values = new Set<string>();

  add(value: unknown): void {
    if (typeof value === "string") {
      if (value.length >= LEAST_CHARACTERS) this.#values.add(value);
    } else if (typeof value === "object" && value !== null) {
      for (const item of Object.values(value)) this.add(item);
    }
  }

  /** Whether any of them is in a text, or in what JSON makes of any other value. */
  areIn(value: unknown): boolean {
    const text = JSON.stringify(value);
    return [...this.#values].some((each) => text.includes(JSON.stringify(each).slice(1, -1)));
  }

  redact(text: string): string {
    let redacted = text;
    for (const value of this.#values) redacted = redacted.replaceAll(value, "[secret]");
    return redacted;
  }
}
