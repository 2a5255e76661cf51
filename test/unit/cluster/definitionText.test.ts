import { expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { definitionText } from "../../../src/resources/cluster/definitionText.ts";

const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "boxes.example.org", labels: { part: 'of "it": all' } },
  spec: { group: "example.org", versions: [{ name: "v1", schema: { properties: { spec: { type: "object" } } } }] },
};
const metadata = { ...definition.metadata, annotations: { "dayzero.dev/manifest-digest": "abc" } };

test.each([
  ["block style", stringify(definition)],
  ["block style with a comment and a status", `---\n# made by a tool\n${stringify({ ...definition, status: {} })}`],
  ["the spec first", stringify(Object.fromEntries(Object.entries(definition).reverse()))],
  ["flow style", JSON.stringify(definition)],
])("definitionText().withMetadata() changes the metadata and nothing else: %s", (_style, text) => {
  const { head, withMetadata } = definitionText(text);
  expect(head.metadata).toEqual(definition.metadata);
  expect(parse(withMetadata(metadata))).toEqual({ ...parse(text), metadata });
});

test("definitionText() leaves the spec unread in the style that definitions come in", () => {
  expect(
    definitionText(`${stringify({ ...definition, spec: undefined })}spec:\n  - "not: parsed\n`).head,
  ).toMatchObject({
    metadata: definition.metadata,
  });
});
