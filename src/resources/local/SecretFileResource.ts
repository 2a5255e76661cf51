import { createHash, randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { exists } from "../../machine/exists.ts";
import { readIfThere } from "../../machine/readIfThere.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import type { Context, Resource } from "../Resource.ts";
import { FileMarks } from "./FileMarks.ts";
import { relativePath } from "./relativePath.ts";

export interface SecretFileInputs {
  /** Below the state folder. */
  path: string;
  /**
   * `{{random:base64:32}}` and `{{random:hex:32}}` stand for that many random bytes, drawn once; `{{file:etc/x}}` for the
   * content of another secret file, which it has to depend on.
   */
  template: string;
  /** What the secret is, for the ledger: `key that encrypts Secrets in etcd`. */
  purpose: string;
  /**
   * What it means that the file is gone, changed, or made from another template: `redraw` for a secret that another one can take the
   * place of (who uses it restarts with `drawn`), `fatal` for one without which stored data cannot be read.
   */
  loss: "redraw" | "fatal";
}

export interface SecretFileLive {
  path: string;
  purpose: string;
  /** SHA-256 of the template: nothing here tells anything about the secret itself. */
  templateDigest: string;
  /** Random, another one for each drawing: what restarts the server that reads the file. */
  drawn: string;
}

interface Mark {
  templateDigest: string;
  /** SHA-256 of the file, for this folder only: who reads it reads the file too. Not there in marks of earlier versions. */
  contentDigest?: string;
  purpose: string;
  drawn: string;
  /** Included file -> its `drawn` when its content was taken over. */
  included: Record<string, string>;
}

const RANDOM = /\{\{random:(base64|hex):(\d{1,4})\}\}/g;
const INCLUDED = /\{\{file:([^}]+)\}\}/g;
const marks = new FileMarks<Mark>("secret-file");

/** `dayzero:local:SecretFile`: a file (0600) with random values that are drawn on this machine and never leave the file. */
export const secretFileResource: Resource<SecretFileInputs, SecretFileLive> = {
  type: "dayzero:local:SecretFile",

  inputs: z.strictObject({
    path: relativePath,
    template: z.string().refine((template) => template.search(RANDOM) >= 0 || template.search(INCLUDED) >= 0, {
      error: "has no {{random:...}} or {{file:...}} in it",
    }),
    purpose: z.string().min(1),
    loss: z.enum(["redraw", "fatal"]).default("redraw"),
  }),

  id: relativePath,
  identify: (inputs) => inputs.path,

  /** Throws SECRET_FILE_LOST for a file whose loss is fatal and that is gone, was changed, or would have to be drawn again. */
  async read(path, ctx, desired) {
    const mark = await marks.read(new StackLayout(ctx.directory), path);
    if (mark === undefined) return undefined;
    const content = await readIfThere(join(ctx.directory, path));
    const changed =
      content !== undefined && mark.contentDigest !== undefined && digestOf(content) !== mark.contentDigest;
    if (desired?.loss === "fatal") {
      if (content === undefined) throw lost(desired, "it is gone");
      if (changed) throw lost(desired, "it was changed");
      if (mark.templateDigest !== digestOf(desired.template)) throw lost(desired, "it was made from another template");
    }
    if (content === undefined || changed) return undefined;
    // One that was drawn again since leaves this file out of date.
    for (const [included, drawn] of Object.entries(mark.included)) {
      if ((await drawnOf(included, ctx)) !== drawn) return undefined;
    }
    const { purpose, templateDigest, drawn } = mark;
    return { path, purpose, templateDigest, drawn };
  },

  plan(live, desired) {
    if (live === undefined) return [{ action: "create", path: "" }];
    if (live.templateDigest !== digestOf(desired.template)) return [{ action: "replace", path: "template" }];
    return live.purpose === desired.purpose
      ? []
      : [{ action: "update", path: "purpose", before: live.purpose, after: desired.purpose }];
  },

  /**
   * The file before its mark: a crash in between leaves a secret that nothing has used, and the next run draws another. Only
   * one whose loss is fatal is then kept, for it may be the mark that was lost.
   */
  async apply(changes, desired, ctx) {
    const { path, purpose, template, loss } = desired;
    const layout = new StackLayout(ctx.directory);
    const file = join(ctx.directory, path);
    let mark = await marks.read(layout, path);
    if (mark === undefined || changes.some((change) => change.action !== "update")) {
      const included = await drawnIncluded(template, ctx);
      if (loss !== "fatal" || !(await exists(file))) await writeFileAtomic(file, await fill(template, ctx.directory));
      const drawn = randomBytes(8).toString("hex");
      const contentDigest = digestOf(await readFile(file, "utf8"));
      mark = { templateDigest: digestOf(template), contentDigest, purpose, drawn, included };
    }
    await marks.write(layout, path, { ...mark, purpose });
    return { path, purpose, templateDigest: mark.templateDigest, drawn: mark.drawn };
  },

  owned: (_stack, ctx) => marks.list(new StackLayout(ctx.directory)),

  async remove(path, ctx) {
    const layout = new StackLayout(ctx.directory);
    if (!(await marks.has(layout, path))) return;
    await rm(join(ctx.directory, path), { force: true });
    await marks.remove(layout, path);
  },

  ledger: (path, live) => [
    {
      what: live.purpose,
      where: path,
      expiresAt: null,
      residual: true,
      reason: "drawn on this machine for a server of this machine; goes with the state folder",
    },
  ],
};

function lost({ path, purpose }: SecretFileInputs, why: string): DayzeroError {
  return new DayzeroError("SECRET_FILE_LOST", `cannot use ${path} (${purpose}): ${why}`, {
    hint: `another one would make what is stored with it unreadable for good: restore ${path} from a backup and go on with the version of Dayzero that made it, or give the data up with \`dayzero down\` and \`dayzero up\``,
  });
}

/** Which drawing the file holds; `undefined` when it is gone, and will be drawn again. */
async function drawnOf(path: string, ctx: Context): Promise<string | undefined> {
  const isThere = await exists(join(ctx.directory, path));
  return isThere ? (await marks.read(new StackLayout(ctx.directory), path))?.drawn : undefined;
}

async function drawnIncluded(template: string, ctx: Context): Promise<Record<string, string>> {
  const paths = Array.from(template.matchAll(INCLUDED), ([, path = ""]) => path);
  const drawn = await Promise.all(paths.map(async (path) => [path, (await drawnOf(path, ctx)) ?? ""] as const));
  return Object.fromEntries(drawn);
}

async function fill(template: string, directory: string): Promise<string> {
  let filled = template.replace(RANDOM, (_match, encoding: "base64" | "hex", bytes: string) =>
    randomBytes(Number(bytes)).toString(encoding),
  );
  for (const [placeholder, included = ""] of template.matchAll(INCLUDED)) {
    const content = (await readFile(join(directory, included), "utf8")).trimEnd();
    filled = filled.replaceAll(placeholder, () => content);
  }
  return filled;
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
