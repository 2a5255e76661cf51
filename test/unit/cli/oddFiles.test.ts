import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { exitCodeOf } from "../../../src/cli/exitCodes.ts";
import type { Run } from "../../../src/cli/Run.ts";
import { failureJson, failureText } from "../../../src/cli/reportFailure.ts";
import { loadStack } from "../../../src/cli/stack/loadStack.ts";
import { DayzeroError } from "../../../src/config/DayzeroError.ts";
import { testRun } from "../../support/testRun.ts";

const PROJECT = "name: mine\nruntime: nodejs\n";
const CANARY = "correct-horse-battery-staple";
const STACK_TRACE = /^\s+at .+:\d+/m;

let directory: string;
let run: Run;
const warnings: string[] = [];
const onWarning = (warning: Error) => warnings.push(String(warning));

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dayzero-odd-"));
  await writeFile(join(directory, "Pulumi.yaml"), PROJECT);
  run = testRun(directory);
  warnings.length = 0;
  process.on("warning", onWarning);
});
afterEach(async () => {
  process.off("warning", onWarning);
  await rm(directory, { recursive: true, force: true });
});

/** Loads the stack, and looks at how it fails if it does: one error of ours that a person can act on, without a trace. */
async function failureOf(content: string | Uint8Array, file = "Pulumi.local.yaml"): Promise<string | undefined> {
  await writeFile(join(directory, file), content);
  try {
    await loadStack(run, "local", {});
    return undefined;
  } catch (error) {
    const text = failureText(error, { debug: false, paint: (_style, word) => word });
    expect(error, text).toBeInstanceOf(DayzeroError);
    expect(text).not.toMatch(STACK_TRACE);
    expect(text).not.toContain(CANARY);
    expect(exitCodeOf(error)).toBe(2);
    expect(failureJson(error).error).toMatchObject({
      message: expect.stringMatching(/^[a-z]/),
      hint: expect.any(String),
    });
    return failureJson(error).error.code;
  } finally {
    // A warning is told one turn later.
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  }
}

const deep = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels);
const bomb = `a0: &a0 [${CANARY}]\n${Array.from({ length: 12 }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level}, `.repeat(9)}]`).join("\n")}\n`;

describe("a stack's file", () => {
  test.each<[string, string | Uint8Array, string | undefined]>([
    ["empty", "", undefined],
    ["of comments", "# nothing\n---\n", undefined],
    ["that is no mapping", "[1, 2]", "STACK_INVALID"],
    ["with two documents", "config: {}\n---\nconfig: {}\n", "STACK_FILE_UNREADABLE"],
    ["with a key twice", "config: {}\nconfig: {}\n", "STACK_FILE_UNREADABLE"],
    ["with a tab before a key", `config:\n\tdayzero:state: ${CANARY}\n`, "STACK_FILE_UNREADABLE"],
    ["with a tag that nobody knows", `config:\n  other:password: !secret ${CANARY}\n`, undefined],
    ["with an anchor that leads to itself", "config: &c\n  dayzero:vault: *c\n", "STACK_INVALID"],
    ["with an alias to nothing", `config: *${CANARY}\n`, "STACK_FILE_UNREADABLE"],
    ["with aliases that multiply", bomb, "STACK_FILE_UNREADABLE"],
    ["nested without end", `config: ${deep("[", "]", 20_000)}`, "STACK_FILE_UNREADABLE"],
    ["with a key of Object's own", "config:\n  __proto__: {dayzero:state: /x}\n  constructor: 1\n", "STACK_INVALID"],
    ["with an unknown key", "config:\n  dayzero:vualt: {}\n", "STACK_INVALID"],
    ["with a list for text", "config:\n  dayzero:repository: {source: [a]}\n", "STACK_INVALID"],
    ["with a number for a mapping", "config:\n  dayzero:repository: 7\n", "STACK_INVALID"],
    ["with binary data", Uint8Array.from({ length: 4_096 }, (_, index) => (index * 7) % 256), "STACK_INVALID"],
    ["in UTF-16", Buffer.from("\ufeffconfig: {}\n", "utf16le"), "STACK_INVALID"],
    ["of ten megabytes", `# ${"x".repeat(10_000_000)}\nconfig: {}\n`, undefined],
    ["with a value of a megabyte", `config:\n  dayzero:vualt: ${CANARY.repeat(40_000)}\n`, "STACK_INVALID"],
  ])("%s", async (_what, content, code) => {
    expect(await failureOf(content)).toBe(code);
  });

  test("that is a folder", async () => {
    await mkdir(join(directory, "Pulumi.local.yaml"));
    await expect(loadStack(run, "local", {})).rejects.toMatchObject({ code: "STACK_FILE_UNREADABLE" });
  });

  test("of any content is taken or refused in one error of ours", async () => {
    const word = fc.constantFrom(
      ...[
        "config:",
        "dayzero:repository:",
        "dayzero:vault:",
        "dayzero:state:",
        "dayzero:program:",
        "source:",
        "shares:",
      ],
      ...[
        "existing",
        "local",
        "&a",
        "*a",
        "<<: *a",
        "!!binary",
        "!!set",
        "!x",
        "{",
        "}",
        "[",
        "]",
        "- ",
        "? ",
        ": ",
        "| ",
        "> ",
      ],
      ...[
        "__proto__:",
        "constructor:",
        "toString:",
        "\n",
        "\n  ",
        "\n    ",
        "\t",
        "---",
        "...",
        "%YAML 1.1\n",
        "#",
        '"',
        "'",
      ],
      ...["0x1f", "1e999", ".nan", "2026-01-01", "~", "null", "yes", "\u0000", "\u2028", "\ufeff"],
    );
    const text = fc.array(
      fc.oneof({ weight: 6, arbitrary: word }, { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(text, async (words) => {
        await failureOf(words.join(" ").replaceAll(/ ?\n ?/g, "\n"));
      }),
      { numRuns: 200 },
    );
  });
});

describe("a project's file", () => {
  test("that is a folder", async () => {
    await rm(join(directory, "Pulumi.yaml"));
    await mkdir(join(directory, "Pulumi.yaml"));
    await expect(loadStack(run, "local", {})).rejects.toMatchObject({ code: "PROJECT_INVALID" });
  });

  test.each<[string, string]>([
    ["that is no mapping", "[1]"],
    ["nested without end", deep("{a: ", "}", 20_000)],
    ["with aliases that multiply", bomb],
    ["with a name that is no text", "name: {a: 1}\nruntime: nodejs\n"],
    ["with a tag that nobody knows, and no name", `runtime: !x ${CANARY}\n`],
  ])("%s", async (_what, content) => {
    expect(await failureOf(content, "Pulumi.yaml")).toBe("PROJECT_INVALID");
  });
});
