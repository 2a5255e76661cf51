import { realpath, stat } from "node:fs/promises";
import { oncePerAudit } from "../oncePerAudit.ts";
import type { Subject } from "../Subject.ts";
import { valueSearchOf } from "../search/valueSearchOf.ts";
import { filesBelow } from "./filesBelow.ts";
import type { Place } from "./Place.ts";
import { searchPlaces } from "./searchPlaces.ts";

/** Argo CD's controller wrote tokens to the first of them, and a SIGKILL leaves what lies there. */
const FOLDERS = ["/dev/shm", "/tmp", "/var/tmp"];

/** To others: what is not cannot be looked into, and is closed to this user's programs too. */
const READABLE = 0o005;

/** Shared memory and temporary folders of this machine. */
export const searchTemporaryFiles = oncePerAudit(async (subject) =>
  searchPlaces(temporaryFiles(subject), await valueSearchOf(subject)),
);

/**
 * Files of this user; root looks at everybody's. The state folder may lie here, and is looked at by itself.
 *
 * A file that was last touched before the stack was made can hold none of what the stack has drawn. Nothing sets a change time
 * back, unlike the time of modification. Values of others, which an existing cluster has, may be older.
 */
async function* temporaryFiles({ auditor: { environment }, layout, spec }: Subject): AsyncGenerator<Place> {
  const user = process.getuid?.() ?? 0;
  // Of an existing cluster there need not be one.
  const state = await realpath(layout.directory).catch(() => layout.directory);
  const since = spec.program === "local" ? (await stat(state)).birthtimeMs : 0;
  const named = [...FOLDERS, ...(environment.TMPDIR === undefined ? [] : [environment.TMPDIR])];
  const found = await Promise.all(named.map((folder) => realpath(folder).catch(() => undefined)));
  for (const folder of outermost(found.filter((path) => path !== undefined))) {
    yield* filesBelow(folder, {
      takes: (path, stats) => {
        const isOwn = user === 0 || stats.uid === user;
        if (stats.isDirectory()) return path !== state && (isOwn || (stats.mode & READABLE) === READABLE);
        return isOwn && stats.ctimeMs >= since;
      },
    });
  }
}

/** Without those that lie in another one. */
function outermost(folders: readonly string[]): string[] {
  const all = [...new Set(folders)];
  return all.filter((folder) => !all.some((other) => folder.startsWith(`${other}/`)));
}
