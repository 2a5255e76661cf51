import { toJSONSchema } from "zod";
import { loadResource, resourceTypes } from "../../resources/registry.ts";

/** The part of JSON Schema (2020-12) that zod's schemas come to. */
interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema | false;
  readonly prefixItems?: unknown;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly default?: unknown;
}

/** A type of Pulumi's package schema (https://www.pulumi.com/docs/iac/using-pulumi/extending-pulumi/schema/). */
interface TypeSpec {
  readonly type?: string;
  readonly $ref?: string;
  readonly items?: TypeSpec;
  readonly additionalProperties?: TypeSpec;
}

type PropertySpec = TypeSpec & { readonly description?: string; readonly default?: string | number | boolean };

interface ObjectSpec {
  readonly type: "object";
  readonly properties: Readonly<Record<string, PropertySpec>>;
  readonly required: readonly string[];
}

export interface PackageSchema {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly resources: Readonly<
    Record<
      string,
      {
        readonly inputProperties: Readonly<Record<string, PropertySpec>>;
        readonly requiredInputs: readonly string[];
        readonly properties: Readonly<Record<string, PropertySpec>>;
        readonly required: readonly string[];
      }
    >
  >;
  readonly types: Readonly<Record<string, ObjectSpec>>;
}

const ANY = "pulumi.json#/Any";

/** Pulumi's package schema of every registered resource, made from its zod inputs. */
export async function packageSchema(version: string): Promise<PackageSchema> {
  const resources: Record<string, PackageSchema["resources"][string]> = {};
  const types: Record<string, ObjectSpec> = {};
  for (const type of resourceTypes) {
    const resource = await loadResource(type);
    if (resource === undefined) continue;
    const schema = toJSONSchema(resource.inputs, { io: "input", unrepresentable: "any" }) as JsonSchema;
    const inputs = propertiesOf(schema, `${type}`, types);
    // What is found has no schema: it is written as a TypeScript type, and its classes declare what programs use.
    resources[type] = {
      inputProperties: inputs,
      requiredInputs: requiredOf(schema, inputs),
      properties: inputs,
      required: [],
    };
  }
  return {
    name: "dayzero",
    version,
    description: "From nothing to GitOps, with no secret made by hand.",
    resources,
    types,
  };
}

function propertiesOf(
  { properties = {} }: JsonSchema,
  owner: string,
  types: Record<string, ObjectSpec>,
): Record<string, PropertySpec> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => {
      const { description, default: fallback } = schema;
      const simple = ["string", "number", "boolean"].includes(typeof fallback);
      const property: PropertySpec = {
        ...typeOf(schema, `${owner}${capital(name)}`, types),
        ...(description === undefined ? {} : { description }),
        ...(simple ? { default: fallback as string | number | boolean } : {}),
      };
      return [name, property];
    }),
  );
}

/** Where Pulumi's schema cannot say it (a union of objects, a tuple), it is anything: Check is what decides. */
function typeOf(schema: JsonSchema, name: string, types: Record<string, ObjectSpec>): TypeSpec {
  switch (schema.type) {
    case "string":
    case "number":
    case "integer":
    case "boolean":
      return { type: schema.type };
    case "array": {
      const { items } = schema;
      return { type: "array", items: items ? typeOf(items, `${name}Item`, types) : { $ref: ANY } };
    }
    case "object": {
      const { additionalProperties: values } = schema;
      if (schema.properties === undefined) {
        const value: TypeSpec = typeof values === "object" ? typeOf(values, `${name}Value`, types) : { $ref: ANY };
        return { type: "object", additionalProperties: value };
      }
      // An object that may hold more than is named has no type of its own.
      if (values !== undefined && values !== false) return { type: "object", additionalProperties: { $ref: ANY } };
      const properties = propertiesOf(schema, name, types);
      types[name] = { type: "object", properties, required: requiredOf(schema, properties) };
      return { $ref: `#/types/${name}` };
    }
    default:
      return { $ref: ANY };
  }
}

function requiredOf({ required = [] }: JsonSchema, properties: Readonly<Record<string, PropertySpec>>): string[] {
  return required.filter((name) => properties[name]?.default === undefined);
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
