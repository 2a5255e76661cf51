import { readdir, rm, rmdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { exists } from "../../machine/exists.ts";
import { removeTree } from "../../machine/removeTree.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { hasOwnCommits } from "../../resources/git/hasOwnCommits.ts";
import { RENDER_PREFIX } from "../../resources/git/renderManifests.ts";
import type { Context } from "../../resources/Resource.ts";
import { loadResource, resourceTypes } from "../../resources/registry.ts";
import { initializationResource } from "../../resources/vault/InitializationResource.ts";
import { stackMemoryFile } from "../stack/StackMemory.ts";
import { processNames } from "./stopProcesses.ts";

const PROCESS = "dayzero:local:Process";
const REPOSITORY = "dayzero:git:Repository";
/** Resources whose state is a file of this machine; what the others made goes with the servers that hold it. */
const ON_DISK = /^dayzero:(local:|vault:Storage$|git:Repository$)/;

/** Folders that nobody but the stack and its processes writes to. */
const OWN_FOLDERS = ["run", "home", "tmp", "cache"];
/** Rotated ones too: `audit-2026-11-22T08-00-00.000.log`, `vault.log.1`; and `vault.log.new`, which a kill left. */
const LOG_FILE = /\.log(\.(\d+|new))?$/;
/** What a killed run leaves beside a repository. */
const UNFINISHED_REPOSITORY = /\.git\.(new|removed)$/;
/** What a killed atomic write leaves. */
const DRAFT = /\.\d+-[0-9a-f]{8}\.new$/;

export interface Removal {
  /** What is gone, as paths below the state folder. */
  readonly removed: readonly string[];
  /** Absolute paths of what is not the stack's, or holds a person's own work. */
  readonly kept: readonly string[];
}

/**
 * Removes what the stack made below its folder, whose processes must have ended; the rest is kept and named.
 *
 * Killed at any point, it goes on where it ended: the names by which things are found go after the things themselves.
 */
export async function removeState(
  layout: StackLayout,
  context: Context,
  options: { deleteRepository: boolean; keepVault?: boolean },
): Promise<Removal> {
  const removed: string[] = [];
  const kept: string[] = [];
  const remove = async (path: string) => {
    if (!(await exists(join(layout.directory, path)))) return;
    await removeTree(join(layout.directory, path));
    removed.push(path);
  };

  const processes = await loadResource(PROCESS);
  for (const name of await processNames(layout)) {
    await remove(join("data", name));
    await processes?.remove(name, context);
  }
  for (const name of await readdir(layout.logs).catch(() => [])) {
    if (LOG_FILE.test(name)) await remove(join("logs", name));
  }
  for (const type of [...resourceTypes].reverse()) {
    if (!ON_DISK.test(type) || type === PROCESS) continue;
    const resource = await loadResource(type);
    for (const id of (await resource?.owned(context.stack, context)) ?? []) {
      if (type === REPOSITORY) {
        if (options.deleteRepository) await remove(relative(layout.directory, layout.repository(id)));
        else if (await hasOwnCommits(layout, id, context.tool("git"))) {
          kept.push(layout.repository(id));
          continue;
        }
      }
      await resource?.remove(id, context);
      removed.push(`${type.split(":")[2]} ${relativeId(layout, id)}`);
    }
  }
  // A Vault is never among what is owned: no program drops one by not mentioning it any more.
  if (options.keepVault !== true && (await exists(layout.vault("")))) {
    await initializationResource.remove("", context);
    removed.push("vault");
  }
  for (const name of await readdir(join(layout.directory, "git")).catch(() => [])) {
    if (UNFINISHED_REPOSITORY.test(name) || name.startsWith(RENDER_PREFIX)) await remove(join("git", name));
  }
  for (const name of [...OWN_FOLDERS, "protected.json"]) await remove(name);
  const left = await pruneEmpty(layout.directory, [stackMemoryFile(layout), layout.lock, ...kept]);
  return { removed, kept: [...kept, ...left].sort() };
}

/** Removes folders without a file, and drafts of killed writes; returns the files that are left, but for `known`. */
async function pruneEmpty(folder: string, known: readonly string[]): Promise<string[]> {
  const left: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (known.includes(path)) continue;
    if (entry.isDirectory()) {
      left.push(...(await pruneEmpty(path, known)));
      await rmdir(path).catch(() => undefined);
    } else if (DRAFT.test(entry.name) || known.some((file) => path.startsWith(`${file}.`))) {
      await rm(path, { force: true });
    } else {
      left.push(path);
    }
  }
  return left;
}

function relativeId(layout: StackLayout, id: string): string {
  return id.startsWith(layout.directory) ? relative(layout.directory, id) : id;
}
