import { createHash, randomBytes } from "node:crypto";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { StackLayout } from "../../machine/StackLayout.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import type { Resource } from "../Resource.ts";
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
}

export interface SecretFileLive {
  path: string;
  purpose: string;
  /** SHA-256 of the template: nothing here tells anything about the secret itself. */
  templateDigest: string;
}

const RANDOM = /\{\{random:(base64|hex):(\d{1,4})\}\}/g;
const INCLUDED = /\{\{file:([^}]+)\}\}/g;
const marks = new FileMarks<{ templateDigest: string; purpose: string }>("secret-file");

/** `dayzero:local:SecretFile`: a file (0600) with random values that are drawn on this machine and never leave the file. */
export const secretFileResource: Resource<SecretFileInputs, SecretFileLive> = {
  type: "dayzero:local:SecretFile",

  inputs: z.strictObject({
    path: relativePath,
    template: z.string().refine((template) => template.search(RANDOM) >= 0 || template.search(INCLUDED) >= 0, {
      error: "has no {{random:...}} or {{file:...}} in it",
    }),
    purpose: z.string().min(1),
  }),

  identify: (inputs) => inputs.path,

  async read(path, ctx, desired) {
    const mark = await marks.read(new StackLayout(ctx.directory), path);
    const found = await stat(join(ctx.directory, path)).catch(() => undefined);
    if (mark === undefined || !found?.isFile()) return undefined;
    // One that was drawn again since leaves this file out of date.
    for (const [, included = ""] of desired?.template.matchAll(INCLUDED) ?? []) {
      const other = await stat(join(ctx.directory, included)).catch(() => undefined);
      if (other === undefined || other.mtimeMs > found.mtimeMs) return undefined;
    }
    return { path, ...mark };
  },

  plan(live, desired) {
    if (live === undefined) return [{ action: "create", path: "" }];
    if (live.templateDigest !== digestOf(desired.template)) return [{ action: "replace", path: "template" }];
    return live.purpose === desired.purpose
      ? []
      : [{ action: "update", path: "purpose", before: live.purpose, after: desired.purpose }];
  },

  /** The file before its mark: a crash in between leaves a secret that nothing has used, and the next run draws another. */
  async apply(changes, desired, ctx) {
    const { path, purpose } = desired;
    const templateDigest = digestOf(desired.template);
    if (changes.some((change) => change.action !== "update")) {
      await writeFileAtomic(join(ctx.directory, path), await fill(desired.template, ctx.directory));
    }
    await marks.write(new StackLayout(ctx.directory), path, { templateDigest, purpose });
    return { path, purpose, templateDigest };
  },

  owned: (_stack, ctx) => marks.list(new StackLayout(ctx.directory)),

  async remove(path, ctx) {
    await rm(join(ctx.directory, path), { force: true });
    await marks.remove(new StackLayout(ctx.directory), path);
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

function digestOf(template: string): string {
  return createHash("sha256").update(template).digest("hex");
}
