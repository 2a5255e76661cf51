import { ftruncateSync, readSync, writeSync } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";

/** How much of a log is kept. */
export interface LogBounds {
  /** A log that has grown beyond this is rotated. */
  readonly bytes: number;
  /** Rotated logs beside it: `<file>.1` is the latest. */
  readonly kept: number;
}

const CHUNK_BYTES = 256 * 1024;

/**
 * Rotates a log that a running server holds open and never opens again: copied, then cut to nothing in place. The server has to
 * append (O_APPEND), or it would go on at its old place.
 *
 * A line that is written between the last read and the cut is lost; nothing else happens in between, which is microseconds.
 * Killed anywhere, no line is lost: those that were copied may be there twice.
 */
export async function copyAndTruncate(file: string, bounds: LogBounds): Promise<void> {
  const draft = `${file}.new`;
  const log = await open(file, "r+");
  try {
    if ((await log.stat()).size <= bounds.bytes) return;
    const copy = await open(draft, "w", 0o600);
    try {
      const copied = await copyAll(log, copy);
      await copy.sync();
      await shift(file, bounds.kept);
      await rename(draft, `${file}.1`);
      copyRest(log.fd, copy.fd, copied);
      ftruncateSync(log.fd, 0);
    } finally {
      await copy.close();
    }
  } catch (error) {
    // Of a full disk, above all: half a copy would only take room.
    await rm(draft, { force: true });
    throw error;
  } finally {
    await log.close();
  }
}

/**
 * Rotates a log by renaming it: nothing is lost, but its server writes on into the renamed file until it opens its log again,
 * which is the caller's to bring about.
 */
export async function renameLog(file: string, bounds: LogBounds): Promise<void> {
  if ((await stat(file)).size <= bounds.bytes) return;
  await shift(file, bounds.kept);
  await rename(file, `${file}.1`);
}

/** Each one number on; the last one is written over. A kill in between leaves a gap, which the next time closes. */
async function shift(file: string, kept: number): Promise<void> {
  for (let number = kept - 1; number >= 1; number--) {
    await rename(`${file}.${number}`, `${file}.${number + 1}`).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
}

/** Returns where it ended. */
async function copyAll(from: FileHandle, to: FileHandle): Promise<number> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let position = 0; ; ) {
    const { bytesRead } = await from.read(chunk, 0, chunk.length, position);
    if (bytesRead === 0) return position;
    await to.writeFile(chunk.subarray(0, bytesRead));
    position += bytesRead;
  }
}

/** What has come meanwhile, without giving way to anything else. */
function copyRest(from: number, to: number, start: number): void {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let position = start; ; ) {
    const length = readSync(from, chunk, 0, chunk.length, position);
    if (length === 0) return;
    for (let written = 0; written < length; ) written += writeSync(to, chunk, written, length - written);
    position += length;
  }
}
