import { createHash, randomBytes } from "node:crypto";
import { rm, stat } from "node:fs/promises";
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
  /** `{{random:base64:32}}` and `{{random:hex:32}}` stand for that many random bytes, drawn once. */
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

const PLACEHOLDER = /\{\{random:(base64|hex):(\d{1,4})\}\}/g;
const marks = new FileMarks<{ templateDigest: string; purpose: string }>("secret-file");

/** `dayzero:local:SecretFile`: a file (0600) with random values that are drawn on this machine and never leave the file. */
export const secretFileResource: Resource<SecretFileInputs, SecretFileLive> = {
  type: "dayzero:local:SecretFile",

  inputs: z.strictObject({
    path: relativePath,
    template: z
      .string()
      .refine((template) => template.search(PLACEHOLDER) >= 0, { error: "has no {{random:...}} in it" }),
    purpose: z.string().min(1),
  }),

  identify: (inputs) => inputs.path,

  async read(path, ctx) {
    const mark = await marks.read(new StackLayout(ctx.directory), path);
    const found = await stat(join(ctx.directory, path)).catch(() => undefined);
    return mark === undefined || !found?.isFile() ? undefined : { path, ...mark };
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
      await writeFileAtomic(join(ctx.directory, path), fill(desired.template));
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

function fill(template: string): string {
  return template.replace(PLACEHOLDER, (_match, encoding: "base64" | "hex", bytes: string) =>
    randomBytes(Number(bytes)).toString(encoding),
  );
}

function digestOf(template: string): string {
  return createHash("sha256").update(template).digest("hex");
}
