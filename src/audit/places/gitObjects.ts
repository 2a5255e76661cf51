import { spawn } from "node:child_process";
import { once } from "node:events";
import { StackLayout } from "../../machine/StackLayout.ts";
import { hermetic } from "../../resources/git/Git.ts";
import type { Context } from "../../resources/Resource.ts";

export interface GitObject {
  readonly id: string;
  readonly type: "blob" | "tree" | "commit" | "tag";
  readonly bytes: number;
  /** Before the next object is asked for, to be read to its end or not at all. */
  content(): AsyncIterable<Uint8Array>;
}

/**
 * Every object in a repository, reachable or not: what a forced push left behind is still there to be fetched by its id.
 *
 * Streams what git says, so that memory does not grow with the history. Source: git-cat-file(1), Batch output.
 */
export async function* gitObjects(directory: string, ctx: Context): AsyncGenerator<GitObject> {
  const [program = "git", ...prefix] = ctx.tool("git");
  const words = [`--git-dir=${directory}`, "cat-file", "--batch", "--batch-all-objects", "--unordered", "--buffer"];
  const child = spawn(program, [...prefix, ...words], {
    env: hermetic(new StackLayout(ctx.directory).home, program),
    stdio: ["ignore", "pipe", "pipe"],
    signal: ctx.signal,
  });
  const ended = once(child, "close") as Promise<[number | null]>;
  ended.catch(() => undefined);
  let said = "";
  child.stderr.on("data", (words: Buffer) => {
    said = (said + words.toString()).slice(0, 500);
  });
  try {
    const reader = new PieceReader(child.stdout);
    for (let header = await reader.line(); header !== undefined; header = await reader.line()) {
      const [id = "", type = "", size] = header.split(" ");
      // `<id> missing`: it was pruned meanwhile.
      if (size === undefined) continue;
      const bytes = Number(size);
      const pieces = reader.take(bytes);
      yield { id, type: type as GitObject["type"], bytes, content: () => pieces };
      for await (const _rest of pieces);
      for await (const _newline of reader.take(1));
    }
    const [code] = await ended;
    if (code !== 0) throw new Error(`git cat-file in ${directory} ended with ${code}: ${said.trim()}`);
  } finally {
    child.kill();
  }
}

/** Lines and counted bytes, out of a stream of pieces. */
class PieceReader {
  readonly #pieces: AsyncIterator<Buffer>;
  #piece: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.#pieces = stream[Symbol.asyncIterator]();
  }

  /** Without its newline; `undefined` at the end. */
  async line(): Promise<string | undefined> {
    for (let end = this.#piece.indexOf("\n"); ; end = this.#piece.indexOf("\n")) {
      if (end >= 0) {
        const line = this.#piece.toString("latin1", 0, end);
        this.#piece = this.#piece.subarray(end + 1);
        return line;
      }
      const before = this.#piece;
      if (!(await this.#more())) return undefined;
      this.#piece = Buffer.concat([before, this.#piece]);
    }
  }

  async *take(bytes: number): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0; ) {
      if (this.#piece.length === 0 && !(await this.#more())) return;
      const part = this.#piece.subarray(0, left);
      this.#piece = this.#piece.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#pieces.next();
    this.#piece = done === true ? Buffer.alloc(0) : (value as Buffer);
    return done !== true;
  }
}
