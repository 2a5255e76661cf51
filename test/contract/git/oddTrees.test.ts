import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { failureJson, failureText } from "../../../src/cli/reportFailure.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { BareRepository } from "../../../src/resources/git/BareRepository.ts";
import { renderManifests } from "../../../src/resources/git/renderManifests.ts";
import { localContext } from "../../support/localContext.ts";

interface Entry {
  readonly path: string;
  /** Of git: a file, a program, a link, or a commit of another repository. */
  readonly mode: "100644" | "100755" | "120000" | "160000";
  readonly content: string | Buffer;
}

const CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: staging}\n";

let directory: string;
let repository: BareRepository;
let ctx: ReturnType<typeof localContext>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "dz-trees-"));
  const layout = new StackLayout(directory);
  for (const folder of [layout.home, join(directory, "git")]) await mkdir(folder);
  ctx = localContext(directory, { tools: { ...inject("tools"), git: "git" } });
  repository = new BareRepository(ctx, layout.repository("fleet"));
  await repository.initialize();
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** As git-fast-import(1) takes it; undefined for a tree that git itself refuses to hold. */
async function commit(entries: readonly Entry[]): Promise<string | undefined> {
  const words = ["--git-dir", repository.directory, "fast-import", "--quiet", "--force"];
  const child = spawn("git", words, { stdio: ["pipe", "ignore", "ignore"] });
  child.stdin.on("error", () => undefined);
  child.stdin.write("commit refs/heads/odd\ncommitter p <p@example.org> 0 +0000\ndata 0\ndeleteall\n");
  for (const { path, mode, content } of entries) {
    const bytes = Buffer.from(path);
    const name = [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
    if (mode === "160000") child.stdin.write(`M 160000 ${"1".repeat(40)} "${name}"\n`);
    else {
      child.stdin.write(`M ${mode} inline "${name}"\ndata ${Buffer.byteLength(content)}\n`);
      child.stdin.write(content);
      child.stdin.write("\n");
    }
  }
  child.stdin.end();
  const [code] = (await once(child, "close")) as [number];
  return code === 0 ? repository.git.run(["rev-parse", "refs/heads/odd"]) : undefined;
}

/** What it says of the tree: the code of an error that a person can act on, or undefined; nothing is left of its work. */
async function verdict(entries: readonly Entry[], path = "."): Promise<string | undefined> {
  const revision = await commit(entries);
  if (revision === undefined) return "not a tree";
  try {
    await renderManifests(repository, { revision, path }, ctx);
    return undefined;
  } catch (error) {
    const text = failureText(error, { debug: false, paint: (_style, word) => word });
    const { code, hint } = failureJson(error).error;
    expect(code, text).not.toBe("INTERNAL");
    expect(hint, text).not.toBeNull();
    expect(text).not.toMatch(/^\s+at .+:\d+/m);
    return code;
  } finally {
    expect(await readdir(join(directory, "git"))).toEqual(["fleet.git"]);
  }
}

const file = (path: string, content: string | Buffer): Entry => ({ path, mode: "100644", content });
const link = (path: string, to: string): Entry => ({ path, mode: "120000", content: to });
const bomb = `a0: &a0 [x]\n${Array.from({ length: 12 }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level}, `.repeat(9)}]`).join("\n")}\n`;

const INVALID = "REPOSITORY_MANIFESTS_INVALID";
const NONE = "REPOSITORY_NO_MANIFESTS";

test.each<[string, Entry[], string | undefined, string?]>([
  ["no file at all", [], NONE],
  ["a link that leads out of the repository", [link("a.yaml", "/etc/passwd")], INVALID],
  ["a link that leads to itself", [link("a.yaml", "a.yaml")], NONE],
  ["a link beside a manifest that leads nowhere", [file("a.yaml", CONFIG_MAP), link("b.yaml", "gone.yaml")], undefined],
  ["a folder that is a link out of the repository", [link("deploy", "/etc")], "REPOSITORY_PATH_MISSING", "deploy"],
  [
    "a folder that is a link to a folder of the repository",
    [file("real/a.yaml", CONFIG_MAP), link("deploy", "real")],
    undefined,
    "deploy",
  ],
  ["a path that is a file", [file("deploy", CONFIG_MAP)], "REPOSITORY_PATH_MISSING", "deploy"],
  ["a folder with the name of a manifest", [file("a.yaml/b.yaml", CONFIG_MAP)], NONE],
  [
    "a submodule in a manifest's place",
    [{ path: "a.yaml", mode: "160000", content: "" }, file("b.yaml", CONFIG_MAP)],
    undefined,
  ],
  [
    "binary data in a manifest's place",
    [file("a.yaml", Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 7) % 256)))],
    NONE,
  ],
  ["a manifest of ten megabytes", [file("a.yaml", `${CONFIG_MAP}data:\n  a: ${"x".repeat(10_000_000)}\n`)], undefined],
  [
    "aliases that multiply",
    [file("a.yaml", `${CONFIG_MAP}data:\n  b: 1\n`), file("b.yaml", `${CONFIG_MAP}${bomb}`)],
    INVALID,
  ],
  ["an anchor that leads to itself", [file("a.yaml", `${CONFIG_MAP}data: &d {a: *d}\n`)], undefined],
  [
    "a manifest nested without end",
    [file("a.yaml", `${CONFIG_MAP}data: ${"[".repeat(20_000)}${"]".repeat(20_000)}\n`)],
    INVALID,
  ],
  ["JSON that is nested without end", [file("a.json", `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`)], INVALID],
  [
    "keys of Object's own",
    [file("a.yaml", `${CONFIG_MAP}__proto__: {kind: Evil}\nconstructor: {prototype: 1}\n`)],
    undefined,
  ],
  [
    "a kind with the name of Object's own",
    [file("a.yaml", "apiVersion: __proto__\nkind: constructor\nmetadata: {name: toString}\n")],
    undefined,
  ],
  ["metadata that is no mapping", [file("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: 7\n")], undefined],
  ["a name that begins with dashes", [file("--help.yaml", CONFIG_MAP), file("-rf", "x")], undefined],
  ["a name with a line break", [file("a\nb.yaml", CONFIG_MAP)], undefined],
  ["a name that is no UTF-8 would be, and quotes", [file("\u{1f600} \"'$(id)`.yaml", CONFIG_MAP)], undefined],
  ["a name as long as names may be", [file(`${"n".repeat(250)}.yaml`, CONFIG_MAP)], undefined],
  ["a name longer than a file may have", [file(`${"n".repeat(300)}.yaml`, CONFIG_MAP)], "GIT_FAILED"],
  ["a kustomization that includes itself", [file("kustomization.yaml", "resources: [.]\n")], INVALID],
  ["a kustomization that reads a file outside", [file("kustomization.yaml", "resources: [/etc/passwd]\n")], INVALID],
  ["a kustomization that is a folder", [file("kustomization.yaml/a", "x")], INVALID],
])("renderManifests() of %s", async (_what, entries, code, path) => {
  expect(await verdict(entries, path)).toBe(code);
});

test("renderManifests() takes or refuses whatever a repository holds, in one error that a person can act on", async () => {
  const name = fc.oneof(
    fc.constantFrom(
      "a.yaml",
      "b.yml",
      "c.json",
      "deploy",
      "Chart.yaml",
      "x.jsonnet",
      "README.md",
      "__proto__",
      ".hidden.yaml",
      "con",
    ),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).map((text) => `${text.replaceAll("/", "_")}.yaml`),
  );
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
  const line = fc.constantFrom(
    ...[
      "apiVersion: v1",
      "kind: ConfigMap",
      "kind: List",
      "items: [1]",
      "items: []",
      "metadata: {name: a}",
      "metadata: {namespace: b}",
    ],
    ...[
      "---",
      "...",
      "- x",
      "&a x: *a",
      "<<: *a",
      "? [a]: b",
      "!!binary x: y",
      "\tx: y",
      "%TAG ! x",
      "{",
      "]",
      "a: |",
      "  b",
      "null",
      "__proto__: 1",
      "\u0000",
    ],
  );
  const content = fc.oneof(
    { weight: 5, arbitrary: fc.array(line, { maxLength: 12 }).map((lines) => lines.join("\n")) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)) },
  );
  const entry = fc.oneof(
    { weight: 6, arbitrary: fc.record({ path, mode: fc.constantFrom("100644", "100755"), content }) },
    {
      weight: 1,
      arbitrary: fc.record({
        path,
        mode: fc.constant("120000"),
        content: fc.constantFrom(".", "..", "a.yaml", "deploy", "/", "/dev/zero", "/dev/null", "x".repeat(5_000)),
      }),
    },
    { weight: 1, arbitrary: fc.record({ path, mode: fc.constant("160000"), content: fc.constant("") }) },
  ) as fc.Arbitrary<Entry>;
  const tree = fc.array(entry, { maxLength: 6 });
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(tree, fc.constantFrom(".", "deploy"), async (entries, folder) => {
      const code = (await verdict(entries, folder)) ?? "taken";
      seen.set(code, (seen.get(code) ?? 0) + 1);
    }),
    { numRuns: 60 },
  );
  console.info([...seen].map(([code, times]) => `${code}: ${times}`).join(", "));
}, 120_000);
