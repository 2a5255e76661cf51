import { createReadStream, lstatSync, readdirSync, type Stats } from "node:fs";
import { constants, open } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { createGunzip } from "node:zlib";
import type { Place } from "./Place.ts";

export interface FilesOptions {
  /** How evidence names a file; by default by its path. */
  readonly name?: (path: string) => string;
  /** Whether to read a file, or to look below a folder. */
  readonly takes?: (path: string, stats: Stats) => boolean;
}

const PIECE_BYTES = 1 << 20;

/** So many folders are looked at before others get their turn. */
const FOLDERS_AT_ONCE = 64;

/**
 * Every regular file below a folder, as it is at that moment; links are not followed. A folder that is not there has none.
 *
 * A temporary folder may hold hundreds of thousands, most of which nobody wants to read: asked for one by one through the thread
 * pool, they take three times the processor time.
 */
export async function* filesBelow(top: string, options: FilesOptions = {}): AsyncGenerator<Place> {
  const { name = (path) => path, takes = () => true } = options;
  const folders = [top];
  for (let count = 1; folders.length > 0; count++) {
    const folder = folders.pop() as string;
    if (count % FOLDERS_AT_ONCE === 0) await turn();
    try {
      for (const entry of readdirSync(folder)) {
        const path = join(folder, entry);
        const stats = lstatSync(path, { throwIfNoEntry: false });
        if (stats === undefined || !takes(path, stats)) continue;
        if (stats.isDirectory()) folders.push(path);
        else if (stats.isFile()) yield filePlace(path, name(path));
      }
    } catch (error) {
      // Whoever reads it is told why that cannot be.
      yield { name: name(folder), content: () => rethrow(error) };
    }
  }
}

/** One file; what gzip compressed (`*.gz`: logs that were rotated) is read as what it was. */
export function filePlace(path: string, name = path): Place {
  return { name, content: () => (path.endsWith(".gz") ? unzipped(path) : piecesOf(path)) };
}

async function* piecesOf(path: string): AsyncGenerator<Uint8Array> {
  // What was a file a moment ago may be a link to something else by now.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = await file.stat();
    // Files of /proc have no size.
    const memory = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Math.max(size + 1, 4096)));
    for (;;) {
      const { bytesRead } = await file.read(memory);
      if (bytesRead === 0) return;
      yield memory.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function unzipped(path: string): AsyncIterable<Uint8Array> {
  // What fails is thrown to whoever reads the last of them.
  return pipeline(createReadStream(path), createGunzip(), () => undefined);
}

function rethrow(error: unknown): never {
  throw error;
}
