import type { Problem } from "./Problem.ts";
import type { RepositorySpec, SealingSpec } from "./StackSpec.ts";

/** RFC 1123 label with a letter first, at most 32 characters: it becomes part of folder, label and role names. */
const NAME = /^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$/;
/** X25519 recipient of age (C2SP age specification): Bech32 of 32 bytes. */
const AGE_RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/;

/** The name of a stack. */
export function checkName(path: string, name: string): Problem[] {
  if (NAME.test(name)) return [];
  return [
    {
      path,
      message: "expected a name of lower-case letters, digits and dashes, a letter first, 32 at most",
      seen: name,
    },
  ];
}

type RepositoryField = "name" | "source" | "branch" | "path";

/** Rules of Git and of the mirror; `at` names each field as the user wrote it: a path of the file, or a flag. */
export function checkRepository(spec: RepositorySpec, at: (field: RepositoryField) => string): Problem[] {
  const problems: Problem[] = [];
  const problem = (field: RepositoryField, message: string) =>
    problems.push({ path: at(field), message, seen: spec[field] });

  if (!isRepositoryName(spec.name)) problem("name", "expected lower-case letters, digits and dashes, 40 at most");

  if (spec.source !== undefined) {
    const wrong = checkSource(spec.source);
    if (wrong !== undefined) problem("source", wrong);
  }
  if (spec.branch !== undefined && !isBranchName(spec.branch)) problem("branch", "expected the name of a branch");
  if (!isInnerFolder(spec.path)) problem("path", "expected a folder inside the repository");
  return problems;
}

/** RFC 1123 label that leaves room for a prefix. */
export function isRepositoryName(name: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name);
}

/** Whether a path stays inside a repository, as Argo CD takes it. */
export function isInnerFolder(path: string): boolean {
  if (path === "" || path.startsWith("/") || path.includes("\\") || hasControl(path)) return false;
  return !path.split("/").includes("..");
}

export function checkSealing(spec: SealingSpec): Problem[] {
  const at = (field: string) => `config.dayzero:vault.${field}`;
  const problems: Problem[] = spec.recipients.flatMap((seen, index) => {
    const path = at(`recipients[${index}]`);
    if (seen.startsWith("ssh-"))
      return [{ path, message: "SSH keys cannot seal shares, expected an age recipient (age1…)", seen }];
    if (!AGE_RECIPIENT.test(seen))
      return [{ path, message: "expected an age recipient (age1… with 62 characters)", seen }];
    if (spec.recipients.indexOf(seen) !== index) return [{ path, message: "expected each recipient once", seen }];
    return [];
  });
  if (spec.shares < spec.recipients.length) {
    problems.push({
      path: at("shares"),
      message: `expected a share for each of the ${spec.recipients.length} recipients`,
      seen: spec.shares,
    });
  }
  if (spec.threshold > spec.shares) {
    problems.push({
      path: at("threshold"),
      message: `expected at most the number of shares (${spec.shares})`,
      seen: spec.threshold,
    });
  } else if (spec.shares > 1 && spec.threshold < 2) {
    problems.push({ path: at("threshold"), message: "expected at least 2 of several shares", seen: spec.threshold });
  } else if (spec.recipients.length > 1 && spec.threshold <= mostSharesOfOne(spec)) {
    problems.push({
      path: at("threshold"),
      message: `expected more than the ${mostSharesOfOne(spec)} shares that one recipient holds`,
      seen: spec.threshold,
    });
  }
  return problems;
}

/** Share number i goes to recipient i modulo n. */
export function mostSharesOfOne({ shares, recipients }: Pick<SealingSpec, "shares" | "recipients">): number {
  return Math.ceil(shares / Math.max(1, recipients.length));
}

/** What is wrong with a Git source; undefined when nothing is. */
export function checkSource(source: string): string | undefined {
  if (source === "" || hasControl(source) || source.startsWith("-")) return "expected a folder or a URL";
  // `ext::sh -c …` and its like run commands: gitremote-helpers(7).
  if (/^[\w+.-]+::/.test(source)) return "remote helpers are not used, expected a folder or a URL";
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(source)?.[1]?.toLowerCase();
  if (scheme === undefined) return undefined;
  if (!["https", "http", "ssh", "git", "file"].includes(scheme)) return "expected https, ssh, git, http or file";
  if (!URL.canParse(source)) return "expected a folder or a URL";
  const { username, password } = new URL(source);
  if (password !== "" || (scheme.startsWith("http") && username !== "")) {
    return "a URL with a credential in it is not taken: it would end up in files (your own git supplies it)";
  }
  return undefined;
}

/** git-check-ref-format(1), for one branch. */
export function isBranchName(name: string): boolean {
  if (name === "" || name === "@" || name.startsWith("-") || hasControl(name)) return false;
  if (/[ ~^:?*[\\]|\.\.|@\{|\/\/|\.$|^\/|\/$/.test(name)) return false;
  return name.split("/").every((part) => !part.startsWith(".") && !part.endsWith(".lock"));
}

function hasControl(text: string): boolean {
  return [...text].some((character) => character < " " || character === "\u007f");
}
