import { describe, expect, it } from "vitest";
import { toJSONSchema } from "zod";
import { packageSchema } from "../../../src/hosts/plugin/packageSchema.ts";
import { loadResource, resourceTypes } from "../../../src/resources/registry.ts";

describe("packageSchema()", async () => {
  const schema = await packageSchema("1.2.3");

  it("has every registered type and nothing else", () => {
    expect(Object.keys(schema.resources).sort()).toEqual([...resourceTypes].sort());
    expect(schema).toMatchObject({ name: "dayzero", version: "1.2.3" });
  });

  it.each(resourceTypes)("has the inputs of %s, and which of them have to be given", async (type) => {
    const resource = await loadResource(type);
    const inputs = toJSONSchema(resource?.inputs as never, { io: "input", unrepresentable: "any" }) as {
      properties?: Record<string, { default?: unknown }>;
      required?: string[];
    };
    const found = schema.resources[type];
    expect(Object.keys(found?.inputProperties ?? {}).sort()).toEqual(Object.keys(inputs.properties ?? {}).sort());
    expect([...(found?.requiredInputs ?? [])].sort()).toEqual([...(inputs.required ?? [])].sort());
  });

  it("says of every property what it is, in words that Pulumi's schema knows", () => {
    const references: string[] = [];
    const look = (value: unknown, path: string): void => {
      const { type, $ref, items, additionalProperties } = value as Record<string, unknown>;
      if (typeof $ref === "string") references.push($ref);
      else expect(["string", "number", "integer", "boolean", "array", "object"], path).toContain(type);
      if (type === "array") look(items, `${path}[]`);
      if (type === "object") look(additionalProperties, `${path}.*`);
    };
    for (const [name, { inputProperties }] of Object.entries(schema.resources)) {
      for (const [key, value] of Object.entries(inputProperties)) look(value, `${name} ${key}`);
    }
    for (const [name, { properties }] of Object.entries(schema.types)) {
      for (const [key, value] of Object.entries(properties)) look(value, `${name} ${key}`);
    }
    expect(references).toContain("#/types/dayzero:local:AuthorityLeavesItem");
    for (const reference of references) {
      if (reference !== "pulumi.json#/Any") expect(schema.types).toHaveProperty([reference.replace("#/types/", "")]);
    }
  });
});
