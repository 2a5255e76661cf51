import { createHash } from "node:crypto";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { quoteForShell } from "../../machine/quoteForShell.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import type { Change, Context, Resource } from "../Resource.ts";
import { FileMarks } from "./FileMarks.ts";
import { relativePath } from "./relativePath.ts";

export interface FileInputs {
  /** Below the state folder. */
  path: string;
  /** Never a secret. `{tool:NAME}` becomes the command line of that tool, quoted for sh(1). */
  content: string;
  /** Permission bits; 0600 unless told. */
  mode: number;
}

export interface FileLive {
  path: string;
  /** SHA-256 of the declared content, or `changed` when the file holds something else. */
  digest: string;
  mode: number;
}

const CHANGED = "changed";
const marks = new FileMarks<{ content: string }>("file");

/** `dayzero:local:File`: a configuration file in the state folder, healed when it was changed by hand. */
export const fileResource: Resource<FileInputs, FileLive> = {
  type: "dayzero:local:File",

  inputs: z.strictObject({
    path: relativePath,
    content: z.string(),
    mode: z.number().int().min(0o400).max(0o777).default(0o600),
  }),

  id: relativePath,
  identify: (inputs) => inputs.path,

  async read(path, ctx) {
    const layout = new StackLayout(ctx.directory);
    const mark = await marks.read(layout, path);
    const file = join(ctx.directory, path);
    const found = await stat(file).catch(() => undefined);
    if (mark === undefined || !found?.isFile()) return undefined;
    const intact = (await readFile(file, "utf8")) === render(mark.content, ctx);
    return { path, digest: intact ? digestOf(mark.content) : CHANGED, mode: found.mode & 0o777 };
  },

  plan(live, desired) {
    if (live === undefined) return [{ action: "create", path: "" }];
    const changes: Change[] = [];
    const digest = digestOf(desired.content);
    if (live.digest !== digest) changes.push({ action: "update", path: "content", before: live.digest, after: digest });
    if (live.mode !== desired.mode) {
      changes.push({ action: "update", path: "mode", before: live.mode.toString(8), after: desired.mode.toString(8) });
    }
    return changes;
  },

  foresee: (_live, desired) => liveOf(desired),

  async apply(_changes, desired, ctx) {
    await marks.write(new StackLayout(ctx.directory), desired.path, { content: desired.content });
    await writeFileAtomic(join(ctx.directory, desired.path), render(desired.content, ctx), desired.mode);
    return liveOf(desired);
  },

  owned: (_stack, ctx) => marks.list(new StackLayout(ctx.directory)),

  async remove(path, ctx) {
    const layout = new StackLayout(ctx.directory);
    if (!(await marks.has(layout, path))) return;
    await rm(join(ctx.directory, path), { force: true });
    await marks.remove(layout, path);
  },
};

function liveOf({ path, content, mode }: FileInputs): FileLive {
  return { path, digest: digestOf(content), mode };
}

function render(content: string, ctx: Context): string {
  return content.replace(/\{tool:([a-z-]+)\}/g, (_match, name: string) => ctx.tool(name).map(quoteForShell).join(" "));
}

function digestOf(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}
