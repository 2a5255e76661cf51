import { describe, expect, it } from "vitest";
import { changePath, pathsMeet, propertyPath, topOf } from "../../../src/hosts/propertyPath.ts";

describe("propertyPath()", () => {
  it("writes paths as Pulumi does", () => {
    expect(propertyPath(["ready", "status", 0])).toBe("ready.status[0]");
    expect(propertyPath(["labels", "app.kubernetes.io/name"])).toBe('labels["app.kubernetes.io/name"]');
    expect(propertyPath([])).toBe("");
  });
});

describe("changePath()", () => {
  it("keeps a property path, and quotes anything else as a whole", () => {
    expect(changePath('spec.rules[0].host["a.b"]')).toBe('spec.rules[0].host["a.b"]');
    expect(changePath("receive.denyDeletes and more")).toBe('["receive.denyDeletes and more"]');
  });
});

describe("topOf()", () => {
  it("is the first segment, quoted or not", () => {
    expect(topOf("ready.url")).toBe("ready");
    expect(topOf("args[1]")).toBe("args");
    expect(topOf('["a.b"].c')).toBe("a.b");
  });
});

describe("pathsMeet()", () => {
  it("is true for the same path and for one in the other", () => {
    expect(pathsMeet("ready", "ready.url")).toBe(true);
    expect(pathsMeet("args[1]", "args")).toBe(true);
    expect(pathsMeet("", "anything")).toBe(true);
    expect(pathsMeet("ready", "readySeconds")).toBe(false);
  });
});
