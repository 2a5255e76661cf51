import { describe, expect, it } from "vitest";
import { differenceOf } from "../../../src/hosts/plugin/Difference.ts";

const inputs = { name: "a", size: 1 };
const compared = { id: "a", nextId: "a", changes: [], oldInputs: inputs, newInputs: inputs };

describe("differenceOf()", () => {
  it("is none when nothing changes", () => {
    expect(differenceOf(compared)).toMatchObject({ changed: false, diffs: [], deleteBeforeReplace: true });
  });

  it("names the top-level property of each path", () => {
    const changes = [
      { action: "update", path: "ready.url" },
      { action: "update", path: "ready.status[0]" },
    ] as const;
    const difference = differenceOf({ ...compared, changes });
    expect([...difference.paths.keys()]).toEqual(["ready.url", "ready.status[0]"]);
    expect(difference.diffs).toEqual(["ready"]);
  });

  it("makes of what is no property path one that Pulumi's engine can parse", () => {
    const changes = [{ action: "update", path: 'metadata.labels."app.kubernetes.io/name"' }] as const;
    const difference = differenceOf({ ...compared, changes });
    expect([...difference.paths.keys()]).toEqual(['["metadata.labels.\\"app.kubernetes.io/name\\""]']);
  });

  it("says a change of the whole resource of all its inputs", () => {
    const difference = differenceOf({ ...compared, changes: [{ action: "create", path: "" }] });
    expect(difference).toMatchObject({ changed: true, diffs: ["name", "size"] });
    expect([...difference.paths.values()].some(({ replace }) => replace)).toBe(false);
  });

  it("replaces for another identity what led to it, and says that even of inputs that did not change", () => {
    const newInputs = { name: "b", size: 1 };
    const moved = differenceOf({ ...compared, nextId: "b", newInputs });
    expect([...moved.paths]).toEqual([["name", { replace: true, input: true }]]);
    expect(moved.deleteBeforeReplace).toBe(false);
    const strange = differenceOf({ ...compared, nextId: "b" });
    expect([...strange.paths.values()]).toEqual([{ replace: true, input: false }]);
  });

  it("replaces while the identity is not known", () => {
    const changes = [{ action: "update", path: "name" }] as const;
    const difference = differenceOf({ ...compared, nextId: undefined, changes });
    expect([...difference.paths]).toEqual([["name", { replace: true, input: true }]]);
  });
});
