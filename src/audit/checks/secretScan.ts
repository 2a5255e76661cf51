import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Git } from "../../resources/git/Git.ts";
import type { Context } from "../../resources/Resource.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import { gitObjects } from "../places/gitObjects.ts";
import { nameObject } from "../places/nameObject.ts";
import { type Repository, withRepositories } from "../places/repositories.ts";
import { loadScanner, type Scanner } from "../search/loadScanner.ts";

/** What people write by hand is smaller; a larger file is told, not scanned. */
const LARGEST_BYTES = 1 << 20;

/** A scanner knows credentials of many makers by their form: those that this stack never had included. */
export const secretScan: Check = {
  id: "secret-scan",
  promise:
    "a scanner for secrets (secretlint, recommended rules) finds nothing in the repository, its history or its working tree",
  remedy: "revoke what was found at its maker first, for every clone has it; then take it out of the history",

  async look(subject) {
    const evidence = new Evidence();
    const { spec, context } = subject;
    const scan = await loadScanner();
    await evidence.look("history of the repository", "leave to fetch it", () =>
      withRepositories(subject, async (repositories) => {
        for (const repository of repositories) await scanHistory(evidence, scan, repository, context);
      }),
    );
    const { source = "" } = spec.repository;
    if (spec.program === "local" && (await isWorkingTree(source))) await scanTree(evidence, scan, source, context);
    return evidence.finding;
  },
};

async function scanHistory(evidence: Evidence, scan: Scanner, repository: Repository, ctx: Context): Promise<void> {
  const paths = await pathsOf(repository, ctx);
  let scanned = 0;
  let large = 0;
  for await (const { id, type, bytes, content } of gitObjects(repository.directory, ctx)) {
    if (type !== "blob" && type !== "commit") continue;
    if (bytes > LARGEST_BYTES) {
      large += 1;
      continue;
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of content()) pieces.push(piece);
    scanned += 1;
    for (const { form, line } of await scanBytes(scan, Buffer.concat(pieces), paths.get(id) ?? id)) {
      evidence.violated(`${form} in line ${line} of ${await nameObject({ id, type }, repository, ctx)}`);
    }
  }
  const left = large === 0 ? "" : `, ${large} left out that are larger than 1 MiB`;
  evidence.proved(`${repository.name}: ${scanned} files and messages of its history scanned${left}`);
}

/** Rules go by names, too: `.npmrc`, `package.json`. */
async function pathsOf({ directory }: Repository, ctx: Context): Promise<Map<string, string>> {
  const lines = await Git.of(ctx, directory).run(["rev-list", "--objects", "--all", "--reflog"]);
  return new Map(Array.from(lines.matchAll(/^(\w+) (.+)$/gm), ([, id = "", path = ""]) => [id, path]));
}

/** What is not ignored, committed or not. */
async function scanTree(evidence: Evidence, scan: Scanner, folder: string, ctx: Context): Promise<void> {
  const git = Git.of(ctx, join(folder, ".git"));
  // Nothing that its configuration names is to be started.
  const words = ["-c", "core.fsmonitor=false", `--work-tree=${folder}`, "ls-files", "-z"];
  const { stdout } = await git.try([...words, "--cached", "--others", "--exclude-standard"]);
  const files = stdout.split("\0").filter((path) => path !== "");
  for (const path of files) {
    const found = await stat(join(folder, path)).catch(() => undefined);
    if (!found?.isFile() || found.size > LARGEST_BYTES) continue;
    for (const { form, line } of await scanBytes(scan, await readFile(join(folder, path)), path)) {
      evidence.violated(`${form} in line ${line} of ${join(folder, path)}`);
    }
  }
  evidence.proved(`${folder}: ${files.length} files of the working tree scanned`);
}

/** Of what is no text, nothing is known. */
async function scanBytes(scan: Scanner, bytes: Buffer, path: string): ReturnType<Scanner> {
  return bytes.includes(0) ? [] : scan(bytes.toString("utf8"), path);
}

async function isWorkingTree(source: string): Promise<boolean> {
  const found = await stat(join(source, ".git")).catch(() => undefined);
  return source !== "" && found !== undefined;
}
