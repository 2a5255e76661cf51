import { randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { repositoryResource } from "../../../src/resources/git/RepositoryResource.ts";
import { git } from "../git/LocalForge.ts";
import { SECRET } from "../git/Platform.ts";
import { type Row, row } from "./Row.ts";
import { type FolderSystem, folderSystem, type PlatformSystem, platformSystem } from "./System.ts";

const bareOf = ({ context }: FolderSystem): string => new StackLayout(context.directory).repository("fleet");
const ownOf = ({ root }: FolderSystem): string => join(root, "own");
const otherOf = ({ root }: FolderSystem): string => join(root, "other");

const sourceAt = (path: string) => fc.constant({ kind: "path", path });

/** A commit on a branch of the repository in the folder, which has a work tree. */
async function commit(folder: string): Promise<void> {
  const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { a: ${randomUUID()} }\n`;
  for (const path of ["a.yaml", "apps/a.yaml"]) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  await git(["add", "-A"], { cwd: folder });
  await git(["commit", "-q", "-m", "change"], { cwd: folder });
}

/** Two branches, and something to reconcile at two paths of each. */
async function repositoryIn(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await git(["init", "-q", "-b", "main", folder]);
  await commit(folder);
  await git(["branch", "other"], { cwd: folder });
}

/** Repositories come from few sources, and their branches and paths have to exist: chosen by hand. */
export const gitRows: readonly Row[] = [
  row<FolderSystem>({
    type: "dayzero:git:Repository",
    system: folderSystem,
    inputs: (system) =>
      fc.record(
        {
          name: fc.constant("fleet"),
          // Another one is refused.
          source: fc.oneof({ weight: 4, arbitrary: sourceAt(ownOf(system)) }, sourceAt(otherOf(system))),
          branch: fc.constantFrom("main", "other"),
          path: fc.constantFrom(".", "apps"),
        },
        { requiredKeys: ["name", "source"] },
      ),
    tampers: {
      "the source moved": (_given: object, system) => commit(ownOf(system)),
      async "something was pushed"(_given: object, system) {
        const clone = join(system.root, "clone");
        await rm(clone, { recursive: true, force: true });
        await git(["clone", "-q", bareOf(system), clone]);
        await commit(clone);
        await git(["push", "-q", "origin", "HEAD"], { cwd: clone });
      },
      "a setting is another": async (_given: object, system) => {
        await git(["config", "http.receivepack", "true"], { cwd: bareOf(system) });
      },
      "its hook is gone": (_given: object, system) =>
        rm(join(bareOf(system), "hooks"), { recursive: true, force: true }),
      async "it was made from another source"(given: { source: { path: string } }, system) {
        const path = [ownOf(system), otherOf(system)].find((one) => one !== given.source.path);
        await rm(bareOf(system), { recursive: true });
        const desired = repositoryResource.inputs.parse({ ...given, source: { kind: "path", path } });
        await repositoryResource.apply([], desired, system.context);
      },
    },
    prepare: async (_given, system) => {
      for (const folder of [ownOf(system), otherOf(system)]) {
        if (await git(["rev-parse", "other"], { cwd: folder }).catch(() => undefined)) continue;
        await repositoryIn(folder);
      }
    },
    reset: async (_ctx, system) => {
      for (const folder of [bareOf(system), ownOf(system), otherOf(system)]) {
        await rm(folder, { recursive: true, force: true });
      }
    },
    random: 2,
  }),
  row<PlatformSystem>({
    type: "dayzero:gitops:RepositoryCredential",
    system: platformSystem,
    inputs: ({ platform }) => fc.constant(platform.credential),
    tampers: {
      "something else is in its place": (_given: object, { platform }) => platform.overwrite("theirs"),
      "its Secret is gone": (_given: object, { platform }) => platform.kubernetes.delete(SECRET),
    },
    reset: (_ctx, { platform }) => platform.kubernetes.delete(SECRET),
    random: 1,
  }),
];
