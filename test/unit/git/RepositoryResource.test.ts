import { describe, expect, test } from "vitest";
import { type RepositoryLive, repositoryResource } from "../../../src/resources/git/RepositoryResource.ts";

const revision = "a".repeat(40);
const live: RepositoryLive = {
  directory: "/state/git/fleet.git",
  git: "git",
  source: "scaffold",
  branch: "main",
  revision,
  path: ".",
  kinds: [],
  recorded: `${revision}:.`,
  problem: "",
  sourceMoved: false,
  diverged: [],
  drift: [],
};
const desired = repositoryResource.inputs.parse({ name: "fleet", source: { kind: "scaffold" } });

describe("repositoryResource.plan()", () => {
  test("changes nothing of what is as it was recorded", () => {
    expect(repositoryResource.plan(live, desired)).toEqual([]);
    expect(repositoryResource.plan(live, { ...desired, branch: "main" })).toEqual([]);
  });

  test("creates what is not there", () => {
    expect(repositoryResource.plan(undefined, desired)).toEqual([{ action: "create", path: "", after: "scaffold" }]);
  });

  test("refuses what came from another source, as apply does", () => {
    const source = { kind: "path", path: "/home/me/fleet" } as const;
    expect(() => repositoryResource.plan(live, { ...desired, source })).toThrow(
      expect.objectContaining({ code: "REPOSITORY_SOURCE_CHANGED" }),
    );
  });

  test.each<[string, Partial<RepositoryLive>, object, string]>([
    ["a pushed revision", { revision: "b".repeat(40) }, {}, "revision"],
    ["another path", {}, { path: "apps" }, "path"],
    ["another branch", {}, { branch: "next" }, "branch"],
    ["a source that moved", { sourceMoved: true }, {}, "source"],
    ["a missing hook", { drift: ["hooks/post-receive"] }, {}, "hooks/post-receive"],
  ])("updates for %s", (_what, change, wish, path) => {
    const changes = repositoryResource.plan({ ...live, ...change }, { ...desired, ...wish });
    expect(changes.map((one) => [one.action, one.path])).toEqual([["update", path]]);
  });

  test("tells why a revision cannot be reconciled", () => {
    const broken = { ...live, revision: "b".repeat(40), problem: "cannot read app.yaml" };
    expect(repositoryResource.plan(broken, desired)).toEqual([
      { action: "update", path: "revision", before: live.recorded, after: "cannot read app.yaml" },
    ]);
  });
});

describe("repositoryResource.inputs", () => {
  test.each<[string, object]>([
    ["a relative path", { kind: "path", path: "fleet" }],
    ["a password in a URL", { kind: "url", url: "https://me:hunter2@forge.example/fleet.git" }],
    ["a token in a URL", { kind: "url", url: "https://hunter2@forge.example/fleet.git" }],
    ["a remote helper", { kind: "url", url: "ext::sh -c hunter2" }],
    ["an option", { kind: "url", url: "--upload-pack=hunter2" }],
  ])("refuses %s without repeating it", (_what, source) => {
    const parsed = repositoryResource.inputs.safeParse({ name: "fleet", source });
    expect(parsed.success).toBe(false);
    expect(String(parsed.error)).not.toContain("hunter2");
  });

  test.each(["git@forge.example:team/fleet.git", "ssh://git@forge.example/fleet.git", "https://forge.example/f.git"])(
    "takes %s",
    (url) => {
      expect(repositoryResource.inputs.safeParse({ name: "fleet", source: { kind: "url", url } }).success).toBe(true);
    },
  );
});
