import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { hasOwnCommits } from "../../../src/resources/git/hasOwnCommits.ts";
import { repositoryResource } from "../../../src/resources/git/RepositoryResource.ts";
import { localContext } from "../../support/localContext.ts";
import { git } from "./LocalForge.ts";

let directory: string;
let layout: StackLayout;
let bare: string;
let ctx: ReturnType<typeof localContext>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dz-repository-"));
  layout = new StackLayout(join(directory, "state"));
  for (const folder of ["home", "run"]) await mkdir(join(layout.directory, folder), { recursive: true, mode: 0o700 });
  bare = layout.repository("fleet");
  ctx = localContext(layout.directory, { tools: { ...inject("tools"), git: "git" } });
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const scaffold = { kind: "scaffold" } as const;

/** One run of the converge host for this resource. */
async function up(wish: object = {}) {
  const desired = repositoryResource.inputs.parse({ name: "fleet", source: scaffold, ...wish });
  const changes = repositoryResource.plan(await repositoryResource.read("fleet", ctx), desired);
  const live =
    changes.length === 0
      ? await repositoryResource.read("fleet", ctx)
      : await repositoryResource.apply(changes, desired, ctx);
  if (live === undefined) throw new Error("nothing is live");
  return { changes, live };
}

/** A repository of the person's own, with these files committed. */
async function own(files: Record<string, string>, branch = "main"): Promise<string> {
  const folder = await mkdtemp(join(directory, "own-"));
  await git(["init", "-q", "-b", branch, folder]);
  await commit(folder, files);
  return folder;
}

async function commit(folder: string, files: Record<string, string>): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  await git(["add", "-A"], { cwd: folder });
  await git(["commit", "-q", "--allow-empty", "-m", "change"], { cwd: folder });
  return git(["rev-parse", "HEAD"], { cwd: folder });
}

async function clone(): Promise<string> {
  const folder = await mkdtemp(join(directory, "clone-"));
  await git(["clone", "-q", bare, folder]);
  return folder;
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n";

describe("the scaffold", () => {
  test("builds with Kustomize: two apps in each of two environments, and no Namespace", async () => {
    const { live } = await up();
    const kinds = [
      { group: "", version: "v1", kind: "ConfigMap" },
      { group: "", version: "v1", kind: "Service" },
      { group: "apps", version: "v1", kind: "Deployment" },
    ];
    const environments = ["production", "staging"];
    expect(live.kinds).toEqual(kinds.flatMap((kind) => environments.map((namespace) => ({ ...kind, namespace }))));
    const built = spawn(inject("tools").kustomize ?? "", ["build", await clone()]);
    let text = "";
    built.stdout.on("data", (chunk) => {
      text += String(chunk);
    });
    await once(built, "close");
    for (const environment of ["staging", "production"]) {
      const deployments = text
        .split("\n---\n")
        .filter((one) => /^kind: Deployment$/m.test(one) && one.includes(`\n  namespace: ${environment}\n`));
      expect(deployments).toHaveLength(2);
      for (const deployment of deployments) {
        for (const habit of ["readinessProbe", "livenessProbe", "requests:", "runAsNonRoot: true", "RuntimeDefault"]) {
          expect(deployment).toContain(habit);
        }
      }
    }
  });

  test("is the same commit wherever it is made, and up again changes nothing", async () => {
    const { live } = await up();
    expect(live).toMatchObject({ directory: bare, branch: "main", path: ".", drift: [], problem: "" });
    const before = await git(["for-each-ref"], { cwd: bare });
    expect((await up()).changes).toEqual([]);
    expect(await git(["for-each-ref"], { cwd: bare })).toBe(before);
    await repositoryResource.remove("fleet", ctx);
    expect((await up()).live.revision).toBe(live.revision);
    expect(await git(["log", "-1", "--format=%an <%ae>"], { cwd: bare })).toBe("Dayzero <dayzero@localhost>");
    expect((await stat(bare)).mode & 0o777).toBe(0o700);
    expect(await readdir(bare)).not.toContain("scaffold.index");
  });

  test("is made again after a kill that left half of it", async () => {
    await mkdir(join(`${bare}.new`, "objects"), { recursive: true });
    await writeFile(join(`${bare}.new`, "HEAD"), "half");
    const { live } = await up();
    expect(live.revision).toMatch(/^[0-9a-f]{40}$/);
    expect(await readdir(join(layout.directory, "git"))).toEqual(["fleet.git"]);
  });

  test("takes a push, which is then the revision, and up does not undo it", async () => {
    const { live } = await up();
    const folder = await clone();
    const pushed = await commit(folder, { "overlays/staging/note.txt": "x" });
    await git(["push", "-q"], { cwd: folder });
    const again = await up();
    expect(again.changes.map(({ path }) => path)).toEqual(["revision"]);
    expect(again.live.revision).toBe(pushed);
    expect(again.live.revision).not.toBe(live.revision);
    expect((await up()).changes).toEqual([]);
  });

  test("is healed when its hook or settings were changed", async () => {
    await up();
    await rm(join(bare, "hooks", "post-receive"));
    await git(["config", "http.receivepack", "true"], { cwd: bare });
    expect((await up()).changes.map(({ path }) => path).sort()).toEqual(["hooks/post-receive", "http.receivepack"]);
    expect((await up()).changes).toEqual([]);
  });

  test("is not served or adopted when the stack did not make it", async () => {
    await git(["init", "-q", "--bare", bare]);
    await expect(up()).rejects.toMatchObject({ code: "REPOSITORY_NOT_OWN" });
    expect(await repositoryResource.owned("test", ctx)).toEqual([]);
  });
});

describe("removing", () => {
  test("refuses to lose commits that the person pushed", async () => {
    await up();
    expect(await hasOwnCommits(layout, "fleet", ["git"])).toBe(false);
    expect(await repositoryResource.owned("test", ctx)).toEqual(["fleet"]);
    const folder = await clone();
    await commit(folder, { "a.txt": "x" });
    await git(["push", "-q", "origin", "HEAD:side"], { cwd: folder });
    expect(await hasOwnCommits(layout, "fleet", ["git"])).toBe(true);
    await expect(repositoryResource.remove("fleet", ctx)).rejects.toMatchObject({ code: "REPOSITORY_HAS_COMMITS" });
    expect(await git(["branch", "--list", "side"], { cwd: bare })).toContain("side");
    expect(await repositoryResource.stays?.("fleet", ctx)).toEqual({
      as: "kept",
      note: `kept ${bare}: it holds commits that exist nowhere else; push them elsewhere, then delete the folder`,
    });
  });

  test("removes what only Dayzero made, and what is gone already", async () => {
    await up();
    expect(await repositoryResource.stays?.("fleet", ctx)).toBeUndefined();
    await repositoryResource.remove("fleet", ctx);
    await repositoryResource.remove("fleet", ctx);
    expect(await repositoryResource.read("fleet", ctx)).toBeUndefined();
    expect(await hasOwnCommits(layout, "fleet", ["git"])).toBe(false);
  });
});

describe("the post-receive hook", () => {
  async function push(environment: object = {}): Promise<string> {
    const folder = await clone();
    await commit(folder, { "a.txt": String(performance.now()) });
    const child = spawn("git", ["push", "-q"], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1", ...environment },
    });
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += String(chunk);
    });
    const [code] = (await once(child, "close")) as [number];
    expect(code, said).toBe(0);
    return said;
  }

  test("asks the renewer, whatever the pusher's environment and configuration", async () => {
    await up();
    const asked: string[] = [];
    const renewer = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(202).end("{}");
    });
    await new Promise<void>((resolve) => renewer.listen(relative(process.cwd(), layout.run("renewer.sock")), resolve));
    const poison = join(directory, "poison");
    await writeFile(poison, `[core]\n\thooksPath = ${directory}\n`);
    const said = await push({ NODE_OPTIONS: "--no-such-option", GIT_CONFIG_GLOBAL: poison });
    await new Promise((resolve) => renewer.close(resolve));
    expect(asked).toEqual(["POST /refresh"]);
    expect(said.trim()).toMatch(/^remote: dayzero: refresh requested\s*$/);
  });

  test("lets the push pass when nobody answers, and says so in one line", async () => {
    await up();
    const said = await push();
    expect(said.trim().split("\n")).toHaveLength(1);
    expect(said).toMatch(/does not answer; Argo CD will find the commit at its next poll/);
  });
});

describe("a repository of the person's own", () => {
  test("is mirrored: branches and tags, its own branch by default", async () => {
    const source = await own(
      { "apps/a.yaml": `${configMap}---\n${configMap.replace("name: a", "namespace: x\n  name: b")}` },
      "trunk",
    );
    await git(["tag", "-a", "v1", "-m", "v1"], { cwd: source });
    await git(["branch", "other"], { cwd: source });
    const { live } = await up({ source: { kind: "path", path: source }, path: "apps" });
    expect(live).toMatchObject({
      branch: "trunk",
      path: "apps",
      revision: await git(["rev-parse", "HEAD"], { cwd: source }),
    });
    expect(live.kinds).toEqual([
      { group: "", version: "v1", kind: "ConfigMap" },
      { group: "", version: "v1", kind: "ConfigMap", namespace: "x" },
    ]);
    expect((await git(["ls-remote", bare])).split("\n").map((line) => line.split("\t")[1])).toEqual([
      "HEAD",
      "refs/heads/other",
      "refs/heads/trunk",
      "refs/tags/v1",
      "refs/tags/v1^{}",
    ]);
    expect((await up({ source: { kind: "path", path: source }, path: "apps" })).changes).toEqual([]);
    expect(await hasOwnCommits(layout, "fleet", ["git"])).toBe(false);
  });

  test("is followed by up, forward only: what was pushed here stays", async () => {
    const path = await own({ "a.yaml": configMap });
    const source = { kind: "url", url: `file://${path}` };
    await up({ source });
    const second = await commit(path, { "b.yaml": configMap });
    const followed = await up({ source });
    expect(followed.changes.map((change) => change.path)).toEqual(["source"]);
    expect(followed.live.revision).toBe(second);

    const folder = await clone();
    const mine = await commit(folder, { "mine.yaml": configMap });
    await git(["push", "-q"], { cwd: folder });
    expect((await up({ source })).live.revision).toBe(mine);

    await commit(path, { "theirs.yaml": configMap });
    ctx.narrated.length = 0;
    const kept = await up({ source });
    expect(kept.live).toMatchObject({ revision: mine, diverged: ["main"] });
    expect(ctx.narrated.join("\n")).toMatch(/keeping main as it was pushed here/);
    expect((await up({ source })).changes).toEqual([]);
  });

  test("that is out of reach later stops nothing", async () => {
    const path = await own({ "a.yaml": configMap });
    const source = { kind: "path", path };
    const { live } = await up({ source });
    await rm(path, { recursive: true });
    const again = await up({ source });
    expect(again.changes).toEqual([]);
    expect(again.live.revision).toBe(live.revision);
    expect(ctx.narrated.join("\n")).toMatch(/going on with what was mirrored before/);
  });

  test("another one is refused, by the plan too, and is not written over the first", async () => {
    const { live } = await up();
    const source = { kind: "path", path: await own({ "a.yaml": configMap }) };
    const desired = repositoryResource.inputs.parse({ name: "fleet", source });
    const code = "REPOSITORY_SOURCE_CHANGED";
    expect(() => repositoryResource.plan(live, desired)).toThrow(expect.objectContaining({ code }));
    await expect(repositoryResource.apply([], desired, ctx)).rejects.toMatchObject({ code });
    expect(await repositoryResource.read("fleet", ctx)).toMatchObject({ source: "scaffold", revision: live.revision });
  });

  test("a revision that breaks later is told by the plan, and the kinds stay those of the last good one", async () => {
    const path = await own({ "a.yaml": configMap });
    const source = { kind: "path", path };
    const { live } = await up({ source });
    await commit(path, { "a.yaml": `${configMap}  broken: [` });
    await expect(up({ source })).rejects.toMatchObject({ code: "REPOSITORY_MANIFESTS_INVALID" });
    const found = await repositoryResource.read("fleet", ctx);
    expect(found).toMatchObject({
      kinds: live.kinds,
      problem: expect.stringMatching(/cannot read \.\/a\.yaml: \w+ at line/),
    });
  });
});

describe("a first run says what is wrong, and leaves nothing behind", () => {
  test.each<[string, () => Promise<object>, string, RegExp]>([
    [
      "an empty repository",
      async () => ({ source: { kind: "path", path: await emptyRepository() } }),
      "REPOSITORY_EMPTY",
      /no branch and no commit/,
    ],
    [
      "an unreachable URL",
      async () => ({ source: { kind: "url", url: "http://127.0.0.1:1/fleet.git" } }),
      "REPOSITORY_SOURCE_UNREADABLE",
      /127\.0\.0\.1/,
    ],
    [
      "a folder that is no repository",
      async () => ({ source: { kind: "path", path: directory } }),
      "REPOSITORY_SOURCE_UNREADABLE",
      /not appear to be a git repository/,
    ],
    [
      "a folder that is not there",
      async () => ({ source: { kind: "path", path: "/no/such" } }),
      "REPOSITORY_SOURCE_UNREADABLE",
      /there is nothing/,
    ],
    [
      "a missing branch",
      async () => ({ source: await simple(), branch: "nope" }),
      "REPOSITORY_BRANCH_MISSING",
      /its branches are main/,
    ],
    [
      "a missing path",
      async () => ({ source: await simple(), path: "nope" }),
      "REPOSITORY_PATH_MISSING",
      /at its top are docs/,
    ],
    [
      "a path without manifests",
      async () => ({ source: await simple(), path: "docs" }),
      "REPOSITORY_NO_MANIFESTS",
      /"docs"/,
    ],
    [
      "a Helm chart",
      async () => ({ source: await simple({ "chart/Chart.yaml": "name: x\n" }), path: "chart" }),
      "REPOSITORY_UNSUPPORTED",
      /Helm chart, not supported by the embedded stack yet/,
    ],
    [
      "an item of a List that is no object",
      async () => ({
        source: await simple({
          "list/all.yaml": `apiVersion: v1\nkind: List\nmetadata: {}\nitems:\n- kind: ConfigMap\n`,
        }),
        path: "list",
      }),
      "REPOSITORY_MANIFESTS_INVALID",
      /item 1 of document 1 of all\.yaml .* has no apiVersion and kind/,
    ],
    [
      "a kustomization that does not build",
      async () => ({ source: await simple({ "k/kustomization.yaml": "resources: [gone.yaml]\n" }), path: "k" }),
      "REPOSITORY_MANIFESTS_INVALID",
      /gone\.yaml/,
    ],
    [
      "an object in a namespace of the cluster's own",
      async () => ({ source: await simple({ "s/a.yaml": `${configMap}  namespace: kube-system\n` }), path: "s" }),
      "REPOSITORY_NAMESPACE_RESERVED",
      /a ConfigMap into namespace "kube-system"/,
    ],
    [
      "nothing but a file that does not parse",
      async () => ({ source: await simple({ "x/a.yaml": "apiVersion: v1\nkind: [\n" }), path: "x" }),
      "REPOSITORY_MANIFESTS_INVALID",
      /cannot read x\/a\.yaml: \w+ at line/,
    ],
    [
      "a manifest without kind",
      async () => ({ source: await simple({ "m/a.yaml": `${configMap}---\napiVersion: v1\n` }), path: "m" }),
      "REPOSITORY_MANIFESTS_INVALID",
      /no apiVersion and kind/,
    ],
  ])("%s", async (_what, wish, code, message) => {
    const error = await up(await wish()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.stringMatching(/.+/) });
    expect((await readdir(join(layout.directory, "git"))).filter((name) => !name.endsWith(".git.new"))).toEqual([]);
    expect(await repositoryResource.read("fleet", ctx)).toBeUndefined();
  });

  async function emptyRepository(): Promise<string> {
    const path = join(directory, "empty");
    await git(["init", "-q", path]);
    return path;
  }

  async function simple(files: Record<string, string> = {}) {
    return { kind: "path", path: await own({ "a.yaml": configMap, "docs/README.md": "x", ...files }) };
  }
});

test("a repository is mirrored from a folder without any configuration of the person", async () => {
  const path = await own({ "a.yaml": configMap });
  const home = join(directory, "poisoned");
  await mkdir(home);
  const trap = join(directory, "trap");
  await writeFile(join(home, "spring"), `#!/bin/sh\necho sprung >> ${trap}\nexec "$@"\n`, { mode: 0o755 });
  await writeFile(join(home, ".gitconfig"), `[uploadpack]\n\tpackObjectsHook = ${join(home, "spring")}\n`);
  const before = { HOME: process.env.HOME, GIT_CONFIG_GLOBAL: process.env.GIT_CONFIG_GLOBAL };
  try {
    Object.assign(process.env, { HOME: home, GIT_CONFIG_GLOBAL: join(home, ".gitconfig") });
    await up({ source: { kind: "path", path } });
    await expect(readFile(trap, "utf8")).rejects.toThrow(/ENOENT/);
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
});
