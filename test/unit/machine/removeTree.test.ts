import { execFile } from "node:child_process";
import { chmod, lchown, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const MODULE = new URL("../../../src/machine/removeTree.ts", import.meta.url).href;
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dayzero-tree-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Modes bind everybody but root: as root, the child becomes nobody, once it has loaded what it needs. */
async function removeAsOrdinaryUser(path: string): Promise<void> {
  if (isRoot) {
    const entries = await readdir(directory, { recursive: true });
    for (const entry of ["", ...entries]) await lchown(join(directory, entry), NOBODY, NOBODY);
  }
  const become = `process.setgroups([]); process.setgid(${NOBODY}); process.setuid(${NOBODY});`;
  const code = `import { removeTree } from "${MODULE}"; ${isRoot ? become : ""} await removeTree("${path}");`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code]);
}

describe("removeTree()", () => {
  test("removes folders that their owner may not list, as Argo CD's repo server leaves them, and follows no link", async () => {
    const tree = join(directory, "tmp");
    const mine = join(directory, "mine");
    await mkdir(join(tree, "_argocd-repo", "clone", "objects"), { recursive: true });
    await writeFile(join(tree, "_argocd-repo", "clone", "objects", "pack"), "");
    await mkdir(mine);
    await writeFile(join(mine, "work"), "");
    await symlink(mine, join(tree, "_argocd-repo", "link"));
    await chmod(mine, 0o500);
    await chmod(join(tree, "_argocd-repo", "clone"), 0o000);
    await chmod(join(tree, "_argocd-repo"), 0o300);
    await removeAsOrdinaryUser(tree);
    expect(await readdir(directory)).toEqual(["mine"]);
    expect((await stat(mine)).mode & 0o777).toBe(0o500);
    await chmod(mine, 0o700);
    expect(await readdir(mine)).toEqual(["work"]);
  });

  test("takes what is not there for removed", async () => {
    await removeAsOrdinaryUser(join(directory, "nothing"));
  });
});
