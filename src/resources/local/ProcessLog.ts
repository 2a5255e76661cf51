import { open, stat } from "node:fs/promises";

const TAIL_BYTES = 16_384;

/** A log file from one moment on: what a process has said since it was started. */
export class ProcessLog {
  readonly file: string;
  readonly #start: number;

  private constructor(file: string, start: number) {
    this.file = file;
    this.#start = start;
  }

  /** From the present end on. */
  static async here(file: string): Promise<ProcessLog> {
    return new ProcessLog(file, await sizeOf(file));
  }

  /** The last lines, 16 KiB of them at most. */
  async lines(): Promise<string[]> {
    const end = await sizeOf(this.file);
    // One that is shorter by now was rotated: all of it is later.
    const from = Math.max(end < this.#start ? 0 : this.#start, end - TAIL_BYTES);
    if (end === from) return [];
    const handle = await open(this.file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - from), 0, end - from, from);
      return buffer.toString("utf8", 0, bytesRead).trimEnd().split("\n");
    } finally {
      await handle.close();
    }
  }
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0;
}
