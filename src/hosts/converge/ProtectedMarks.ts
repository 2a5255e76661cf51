import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { readIfThere } from "../../machine/readIfThere.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import type { Context } from "../../resources/Resource.ts";
import type { AnyHandler } from "../Handler.ts";
import type { RegisteredResource } from "./Deployment.ts";

/**
 * Remembers which resources were declared with `protect`, for the run in which they are no longer declared at all.
 *
 * Kubernetes objects carry the mark themselves (`isProtected` of their handler). For the others it is a file in the state folder, beside
 * what they own there.
 */
export class ProtectedMarks {
  readonly #path: string;

  constructor(directory: string) {
    this.#path = join(directory, "protected.json");
  }

  async isProtected(handler: AnyHandler, id: string, ctx: Context): Promise<boolean> {
    if (handler.isProtected !== undefined) return handler.isProtected(id, ctx);
    return (await this.#read()).has(markOf(handler.type, id));
  }

  /** Brings the marks of what the program registered up to date; marks of what it dropped stay. */
  async remember(registered: readonly RegisteredResource[]): Promise<void> {
    const marks = await this.#read();
    const before = [...marks].sort();
    for (const { handler, id, protect } of registered) {
      if (id === undefined || handler.isProtected !== undefined) continue;
      if (protect) marks.add(markOf(handler.type, id));
      else marks.delete(markOf(handler.type, id));
    }
    const after = [...marks].sort();
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    if (after.length === 0) {
      await rm(this.#path, { force: true });
      return;
    }
    await writeFileAtomic(this.#path, `${JSON.stringify(after, undefined, 2)}\n`);
  }

  /** Without them what was protected would be removed: a file that cannot be read is no empty one. */
  async #read(): Promise<Set<string>> {
    const text = (await readIfThere(this.#path)) ?? "[]";
    try {
      return new Set(marks.parse(JSON.parse(text)));
    } catch (cause) {
      throw new DayzeroError("PROTECTED_MARKS_UNREADABLE", `cannot read what is protected from ${this.#path}`, {
        cause,
        hint: "put the file back; or remove it, and see with `dayzero plan` that nothing is removed which was protected",
      });
    }
  }
}

const marks = z.array(z.string());

function markOf(type: string, id: string): string {
  return `${type} ${id}`;
}
