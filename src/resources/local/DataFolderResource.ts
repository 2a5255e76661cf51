import { chmod, mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { StackLayout } from "../../machine/StackLayout.ts";
import type { Change, Context, Resource } from "../Resource.ts";
import { FileMarks } from "./FileMarks.ts";

const path = z.string().regex(/^data\/[a-z0-9][a-z0-9-]*$/, "is not a folder of data/");

const inputs = z.strictObject({
  /** Below the state folder: `data/etcd`. */
  path,
});

export type DataFolderInputs = z.infer<typeof inputs>;

export interface DataFolderLive {
  readonly path: string;
  readonly mode: number;
  /** Marked as the stack's. One that an earlier Dayzero made is not, and so would never be found once a program drops it. */
  readonly owned: boolean;
}

const MODE = 0o700;
const marks = new FileMarks<object>("data-folder");

/** `dayzero:local:DataFolder`: where a server keeps its data; comes before its process. All of it goes when the folder is removed. */
export const dataFolderResource: Resource<DataFolderInputs, DataFolderLive> = {
  type: "dayzero:local:DataFolder",

  inputs,

  id: path,
  identify: (desired) => desired.path,

  async read(id, ctx) {
    const found = await stat(folderOf(id, ctx)).catch(() => undefined);
    if (!found?.isDirectory()) return undefined;
    const mark = await marks.read(new StackLayout(ctx.directory), id);
    return { path: id, mode: found.mode & 0o777, owned: mark !== undefined };
  },

  plan(live) {
    if (live === undefined) return [{ action: "create", path: "" }];
    const changes: Change[] = [];
    const update = (path: string, before: string, after: string) =>
      changes.push({ action: "update", path, before, after });
    if (live.mode !== MODE) update("mode", live.mode.toString(8), MODE.toString(8));
    if (!live.owned) update("owned", "without the stack's mark", "marked");
    return changes;
  },

  foresee: (_live, desired) => ({ path: desired.path, mode: MODE, owned: true }),

  async apply(_changes, desired, ctx) {
    const folder = folderOf(desired.path, ctx);
    await marks.write(new StackLayout(ctx.directory), desired.path, {});
    await mkdir(folder, { recursive: true, mode: MODE });
    await chmod(folder, MODE);
    return { path: desired.path, mode: MODE, owned: true };
  },

  owned: (_stack, ctx) => marks.list(new StackLayout(ctx.directory)),

  async remove(id, ctx) {
    const layout = new StackLayout(ctx.directory);
    if (!(await marks.has(layout, id))) return;
    await rm(folderOf(id, ctx), { recursive: true, force: true });
    await marks.remove(layout, id);
  },
};

function folderOf(id: string, ctx: Context): string {
  return join(ctx.directory, id);
}
