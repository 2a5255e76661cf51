import { createInterface, type Interface } from "node:readline/promises";
import { Writable } from "node:stream";
import { DayzeroError } from "../config/DayzeroError.ts";
import { Secret } from "../credentials/Secret.ts";

interface Streams {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly signal: AbortSignal;
}

/** The person who started the run, asked one question at a time. */
export class Terminal {
  readonly #streams: Streams;

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  /** Anything but a yes is a no. */
  async confirm(question: string): Promise<boolean> {
    const { input, output } = this.#streams;
    return /^y(es)?$/i.test((await this.#ask(createInterface({ input, output }), `${question} [y/N] `)).trim());
  }

  /** What is typed is neither shown nor kept: not in the terminal's scrollback, not in a history. */
  async askSecret(question: string): Promise<Secret> {
    const { input, output } = this.#streams;
    output.write(`${question}: `);
    // As a terminal it takes the echo over; and what it would echo goes nowhere.
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    const answer = await this.#ask(createInterface({ input, output: nowhere, terminal: true, historySize: 0 }), "");
    output.write("\n");
    if (answer.trim() !== "") return new Secret(answer.trim());
    throw new DayzeroError("NOTHING_GIVEN", `${question}: nothing was given`, {
      hint: "run it again and type or paste it",
    });
  }

  async #ask(terminal: Interface, question: string): Promise<string> {
    const { signal } = this.#streams;
    try {
      // While it is asked the terminal sends no signals; readline tells of Ctrl-C instead.
      terminal.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
      return await Promise.race([terminal.question(question, { signal }), closed(terminal)]);
    } finally {
      terminal.close();
    }
  }
}

/** An end of the input is an empty answer. */
function closed(terminal: Interface): Promise<string> {
  return new Promise((resolve) => terminal.once("close", () => resolve("")));
}
