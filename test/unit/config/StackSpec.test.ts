import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DayzeroError } from "../../../src/config/DayzeroError.ts";
import { parseStackSpec, type StackSources, toPulumiConfig } from "../../../src/config/parseStackSpec.ts";
import type { LocalSpec } from "../../../src/config/StackSpec.ts";

const RECIPIENTS = ["q", "p", "z"].map((letter) => `age1${letter.repeat(58)}`);

const PLACE = { fileDirectory: "/project", flags: {}, workingDirectory: "/here", home: "/home/me" };

function parse(config: unknown, more: Partial<StackSources> = {}): LocalSpec {
  const spec = parseStackSpec({ stack: "local", file: { config }, ...PLACE, ...more });
  if (spec.program !== "local") throw new Error("not a local stack");
  return spec;
}

function failure(act: () => unknown): DayzeroError {
  try {
    act();
  } catch (error) {
    if (error instanceof DayzeroError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("parseStackSpec()", () => {
  test("gives every setting a default when there is no file", () => {
    const spec = parseStackSpec({ stack: "second", ...PLACE });
    expect(spec).toMatchObject({
      stack: "second",
      program: "local",
      repository: { name: "fleet", path: "." },
      vault: { recipients: [], shares: 1, threshold: 1 },
    });
    expect(spec.repository).not.toHaveProperty("source");
    expect(spec.repository).not.toHaveProperty("branch");
  });

  test("gives each recipient a share and asks for a majority of them", () => {
    expect(parse({ "dayzero:vault": { recipients: RECIPIENTS } }).vault).toMatchObject({ shares: 3, threshold: 2 });
  });

  test("asks by default for more shares than one of several recipients holds", () => {
    const recipients = RECIPIENTS.slice(0, 2);
    expect(parse({ "dayzero:vault": { recipients, shares: 3 } }).vault.threshold).toBe(3);
  });

  test("resolves a relative folder of the file from the project, and of a flag from the working directory", () => {
    const file = { "dayzero:repository": { source: "../Fleet.git" } };
    expect(parse(file).repository).toMatchObject({ source: "/Fleet.git", name: "fleet" });
    expect(parse(file, { flags: { source: "mine" } }).repository).toMatchObject({ source: "/here/mine", name: "mine" });
  });

  test.each([
    ["https://forge.example/team/Apps.git", "apps"],
    ["git@forge.example:team/apps_of_ours.git", "apps-of-ours"],
    ["ssh://git@forge.example/apps/", "apps"],
    ["/srv/git/---", "repository"],
  ])("keeps %s as it is and names it %s", (source, name) => {
    expect(parse({}, { flags: { source } }).repository).toMatchObject({ source, name });
  });

  test("does not apply the file's branch and path to another repository", () => {
    const file = { "dayzero:repository": { source: "/a", branch: "trunk", path: "deploy" } };
    expect(parse(file).repository).toMatchObject({ branch: "trunk", path: "deploy" });
    expect(parse(file, { flags: { source: "/b" } }).repository).toEqual({ name: "b", source: "/b", path: "." });
    expect(parse(file, { flags: { branch: "next" } }).repository).toMatchObject({ source: "/a", branch: "next" });
  });

  test("reports every problem at once, with its path and the value seen", () => {
    const error = failure(() =>
      parse({
        "dayzero:repository": { sorce: "/a", branch: 7 },
        "dayzero:vault": { recipients: "age1x", threshold: 0 },
        "dayzero:repositry": {},
        bare: 1,
      }),
    );
    expect(error.code).toBe("STACK_INVALID");
    for (const line of [
      'config.dayzero:repository.sorce: unknown key, did you mean "source"?',
      "config.dayzero:repository.branch: expected a string, got 7",
      'config.dayzero:vault.recipients: expected a list, got "age1x"',
      "config.dayzero:vault.threshold: expected at least 1, got 0",
      'config.dayzero:repositry: unknown key, did you mean "dayzero:repository"?',
      "config.bare: unknown key",
    ]) {
      expect(error.message).toContain(line);
    }
  });

  test.each([
    ["a threshold above the shares", { "dayzero:vault": { shares: 2, threshold: 3 } }, "dayzero:vault.threshold"],
    ["one of several shares as threshold", { "dayzero:vault": { shares: 3, threshold: 1 } }, "dayzero:vault.threshold"],
    [
      "a threshold that one of several recipients reaches alone",
      { "dayzero:vault": { recipients: RECIPIENTS, shares: 6, threshold: 2 } },
      "more than the 2 shares that one recipient holds",
    ],
    [
      "fewer shares than recipients",
      { "dayzero:vault": { recipients: RECIPIENTS, shares: 2 } },
      "dayzero:vault.shares",
    ],
    ["an SSH key", { "dayzero:vault": { recipients: ["ssh-ed25519 AAAA"] } }, "recipients[0]: SSH keys"],
    ["a recipient named twice", { "dayzero:vault": { recipients: [RECIPIENTS[0], RECIPIENTS[0]] } }, "recipients[1]"],
    ["a path out of the repository", { "dayzero:repository": { path: "a/../../b" } }, "dayzero:repository.path"],
    [
      "a branch that is an option",
      { "dayzero:repository": { branch: "--upload-pack=x" } },
      "dayzero:repository.branch",
    ],
    ["a remote helper", { "dayzero:repository": { source: "ext::sh -c id" } }, "remote helpers"],
  ])("refuses %s", (_what, config, message) => {
    expect(failure(() => parse(config)).message).toContain(message);
  });

  test("names the flag when the value came from one", () => {
    expect(failure(() => parse({}, { flags: { branch: "a b" } })).message).toContain(
      '--branch: expected the name of a branch, got "a b"',
    );
  });

  test.each(["Local", "a_b", "-a", "a-", "", "a".repeat(33), "../x"])("refuses the stack name %j", (stack) => {
    expect(failure(() => parse({}, { stack })).message).toContain("stack: expected a name");
  });

  test.each([
    ["a recipient that is an identity", { "dayzero:vault": { recipients: ["AGE-SECRET-KEY-1HUSH"] } }],
    ["a URL with a password", { "dayzero:repository": { source: "https://me:hush@forge.example/a.git" } }],
    [
      "a secret below an unknown key",
      { "dayzero:vault": { token: "hvs.HUSH" }, "dayzero:token": "hush", bare: "hush" },
    ],
    ["a URL with a token as its user", { "dayzero:repository": { source: "https://hush@forge.example/a.git" } }],
  ])("refuses %s and never repeats it", (_what, config) => {
    const error = failure(() => parse(config));
    expect(`${error.message} ${error.hint}`.toLowerCase()).not.toContain("hush");
  });

  test("keeps the config of other packages and hands everything over as Pulumi config", () => {
    const config = toPulumiConfig(parse({ "aws:region": "eu-west-1", "dayzero:repository": { path: "deploy" } }));
    expect(config["aws:region"]).toBe("eu-west-1");
    expect(JSON.parse(config["dayzero:repository"] ?? "")).toMatchObject({ name: "fleet", path: "deploy" });
  });

  test("takes or refuses whatever it is given, and never fails in another way", () => {
    const keys = fc.constantFrom(
      "dayzero:repository",
      "dayzero:vault",
      "dayzero:program",
      "aws:x",
      "__proto__",
      "toString",
    );
    const anything = fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true });
    const section = fc.dictionary(
      fc.constantFrom("source", "branch", "path", "recipients", "shares", "threshold", "constructor"),
      fc.oneof(fc.string({ unit: "binary" }), anything),
    );
    const file = fc.oneof(
      anything,
      fc.record({ config: fc.oneof(anything, fc.dictionary(keys, fc.oneof(section, anything))) }),
    );
    const flags = fc.record({ source: fc.string(), branch: fc.string(), path: fc.string() }, { requiredKeys: [] });
    fc.assert(
      fc.property(file, flags, fc.oneof(fc.constant("local"), fc.string()), (file, flags, stack) => {
        try {
          toPulumiConfig(parseStackSpec({ ...PLACE, stack, file, flags }));
        } catch (error) {
          expect(error).toBeInstanceOf(DayzeroError);
          expect(error).toMatchObject({ code: "STACK_INVALID" });
        }
      }),
      { numRuns: 500 },
    );
  });
});
