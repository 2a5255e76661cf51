import { describe, expect, it } from "vitest";
import { assertIdentity } from "../../../src/hosts/assertIdentity.ts";
import { ResourceProvider } from "../../../src/hosts/plugin/ResourceProvider.ts";
import { loadResource, resourceTypes } from "../../../src/resources/registry.ts";

const FOREIGN = [
  "",
  ".",
  "..",
  "/",
  "/etc/passwd",
  "../../Pulumi.yaml",
  "../../../../v3/x",
  "a/../../b",
  "data/../pki",
  "core/Secret/../../x",
  "core/Secret/default/..",
  "a\0b",
  "a\nb",
  "a/b/",
  "https://127.0.0.1:1 ../../etc",
  "a".repeat(2_000),
];
/** Names of files like any other, and more than a name in an address. */
const OF_ADDRESSES = ["a?list=true", "a#b", "%2e%2e/x", "auth/a?list=true", "core/Secret/default/a%2fb"];
const FILES = ["dayzero:local:File", "dayzero:local:SecretFile"];

describe.each(resourceTypes)("%s", (type) => {
  it("is read and removed under no identity that it cannot have, and nothing is opened for it", async () => {
    const opened: string[] = [];
    const provider = new ResourceProvider({
      openStack: async () => {
        opened.push(type);
        throw new Error("opened");
      },
      load: loadResource,
      log: () => undefined,
    });
    const target = { urn: `urn:pulumi:test::fleet::${type}::one`, type };
    for (const id of FILES.includes(type) ? FOREIGN : [...FOREIGN, ...OF_ADDRESSES]) {
      const refused = expect.objectContaining({ code: "IDENTITY_INVALID" });
      await expect(provider.read(target, { id, inputs: {}, timeout: 0 }), JSON.stringify(id)).rejects.toEqual(refused);
      await expect(provider.delete(target, { id, timeout: 0 }), JSON.stringify(id)).rejects.toEqual(refused);
    }
    expect(opened).toEqual([]);
  });
});

describe("assertIdentity()", () => {
  it("says whose identity it is not, and why, in one line", async () => {
    const resource = await loadResource("dayzero:local:File");
    if (resource === undefined) throw new Error("no such type");
    expect(() => assertIdentity(resource, "../../Pulumi.yaml")).toThrow(
      /^"\.\.\/\.\.\/Pulumi\.yaml" is no identity of a dayzero:local:File: it is not a plain path below the state folder$/,
    );
  });
});

describe("loadResource()", () => {
  it.each(["constructor", "__proto__", "toString", ""])("knows no type %j", async (type) => {
    expect(await loadResource(type)).toBeUndefined();
  });
});
