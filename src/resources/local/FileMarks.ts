import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../../machine/exists.ts";
import { readIfThere } from "../../machine/readIfThere.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";

/** Remembers, beside a file of the stack, that it is the stack's own and what it was made from. Never holds a secret. */
export class FileMarks<Mark> {
  readonly #kind: string;

  constructor(kind: "data-folder" | "file" | "secret-file") {
    this.#kind = kind;
  }

  /** `undefined` as well for one that a fault of the disk has left in pieces: what it marks is then made, or marked, again. */
  async read(layout: StackLayout, path: string): Promise<Mark | undefined> {
    const text = await readIfThere(this.#file(layout, path));
    try {
      return text === undefined ? undefined : (JSON.parse(text) as Mark);
    } catch {
      return undefined;
    }
  }

  /** Whether the file is the stack's own, whatever its mark says. */
  has(layout: StackLayout, path: string): Promise<boolean> {
    return exists(this.#file(layout, path));
  }

  async write(layout: StackLayout, path: string, mark: Mark): Promise<void> {
    await writeFileAtomic(this.#file(layout, path), JSON.stringify(mark));
  }

  async remove(layout: StackLayout, path: string): Promise<void> {
    await rm(this.#file(layout, path), { force: true });
  }

  /** Paths of all marked files. */
  async list(layout: StackLayout): Promise<string[]> {
    const names = await readdir(layout.owned(this.#kind)).catch(() => []);
    return names.filter((name) => name.endsWith(".json")).map((name) => decodeURIComponent(name.slice(0, -5)));
  }

  #file(layout: StackLayout, path: string): string {
    return join(layout.owned(this.#kind), `${encodeURIComponent(path)}.json`);
  }
}
