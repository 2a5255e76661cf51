import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import type { KubernetesManifest } from "../../../src/clients/KubernetesClient.ts";
import { DAYZERO_NAMESPACE } from "../../../src/manifests/marks.ts";
import { type Row, row } from "./Row.ts";
import { clusterSystem, type System } from "./System.ts";

const CRD = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" } as const;
const SECRET = { apiVersion: "v1", kind: "Secret", namespace: "default" } as const;
const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const data = fc.dictionary(word, fc.string({ unit: "grapheme", maxLength: 20 }), { maxKeys: 3 });

interface Given {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

const refOf = ({ apiVersion, kind, metadata: { name, namespace } }: Given) => ({
  apiVersion,
  kind,
  name,
  ...(namespace === undefined ? {} : { namespace }),
});

/** Of a cluster without controllers. */
export const clusterRows: readonly Row[] = [
  row<System>({
    type: "dayzero:cluster:Generation",
    system: clusterSystem,
    inputs: () => fc.constant({}),
    alwaysThere: "it is found, never made",
    neverOwned: "it is the cluster itself",
    afterRemoval: "it is the cluster itself",
    random: 1,
  }),
  row<System>({
    type: "dayzero:cluster:Definitions",
    system: clusterSystem,
    inputs: () =>
      fc.record({
        name: fc.constant("fruit"),
        tool: fc.constant("definitions"),
        files: fc.subarray(["apples.yaml", "pears.yaml", "plums.yaml"], { minLength: 1 }),
      }),
    prepare: async (_given, { context }) => {
      for (const plural of ["apples", "pears", "plums"]) {
        await writeFile(join(context.directory, `${plural}.yaml`), definition(plural));
      }
    },
    tampers: {
      async "the files are others by now"({ files }: { files: string[] }, { context }) {
        const [file = ""] = files;
        await writeFile(join(context.directory, file), definition(file.replace(".yaml", ""), "written anew"));
      },
      async "one is changed"({ files }: { files: string[] }, { context }) {
        const name = `${files[0]?.replace(".yaml", "")}.test.dayzero.dev`;
        const patch = { spec: { names: { shortNames: ["theirs"] } } };
        await (await context.kubernetes()).mergePatch({ ...CRD, name }, patch);
      },
    },
    random: 3,
  }),
  row<System>({
    type: "dayzero:kubernetes:Object",
    system: clusterSystem,
    inputs: () =>
      fc.oneof(
        fc.record(
          {
            apiVersion: fc.constant("v1"),
            kind: fc.constant("ConfigMap"),
            metadata: fc.record(
              {
                name: fc.constant("random"),
                namespace: fc.constant("default"),
                labels: fc.dictionary(word, word, { maxKeys: 2 }),
                annotations: fc.dictionary(word, fc.string({ maxLength: 10 }), { maxKeys: 2 }),
              },
              { requiredKeys: ["name", "namespace"] },
            ),
            data,
          },
          { requiredKeys: ["apiVersion", "kind", "metadata"] },
        ),
        fc.record({
          apiVersion: fc.constant("rbac.authorization.k8s.io/v1"),
          kind: fc.constant("ClusterRole"),
          metadata: fc.constant({ name: "random" }),
          rules: fc.array(
            fc.record({
              apiGroups: fc.uniqueArray(fc.constantFrom("", "apps"), { minLength: 1 }),
              resources: fc.uniqueArray(fc.constantFrom("pods", "secrets"), { minLength: 1 }),
              verbs: fc.uniqueArray(fc.constantFrom("get", "list", "*"), { minLength: 1 }),
            }),
            { maxLength: 2 },
          ),
        }),
      ),
    tampers: {
      async "it is changed"(given: Given, { context }) {
        const patch = given.kind === "ConfigMap" ? { data: { theirs: "1" } } : { rules: [] };
        await (await context.kubernetes()).mergePatch(refOf(given), patch);
      },
      "it is gone": async (given: Given, { context }) => (await context.kubernetes()).delete(refOf(given)),
      async "its mark is gone"(given: Given, { context }) {
        await (await context.kubernetes()).mergePatch(refOf(given), {
          metadata: { labels: { "dayzero.dev/stack": null } },
        });
      },
    },
    prepare: async (_given, { context }) => {
      await (await context.kubernetes()).apply({
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: DAYZERO_NAMESPACE },
      });
    },
    // What lost its mark is not the stack's, and removing it would take what is somebody else's.
    reset: async ({ kubernetes }) => {
      const client = await kubernetes();
      await client.delete({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "random" });
      await client.delete({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", name: "random" });
    },
    random: 16,
  }),
  row<System>({
    type: "dayzero:vault:ServerCertificate",
    system: clusterSystem,
    inputs: () =>
      fc.record({
        namespace: fc.constant("default"),
        secret: fc.constant("openbao-tls"),
        dnsNames: fc.uniqueArray(fc.domain(), { maxLength: 3 }),
        ipAddresses: fc.uniqueArray(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 2 }),
      }),
    tampers: {
      "its key is another's": async (_given: object, { context }) => {
        const client = await context.kubernetes();
        await client.mergePatch({ ...SECRET, name: "openbao-tls" }, { data: { "tls.key": "" } });
      },
      "its Secret is gone": async (_given: object, { context }) =>
        (await context.kubernetes()).delete({ ...SECRET, name: "openbao-tls" }),
      "its authority is gone": async (_given: object, { context }) =>
        (await context.kubernetes()).delete({ ...SECRET, name: "openbao-tls-authority" }),
    },
    random: 5,
  }),
];

function definition(plural: string, description = "made by a test"): string {
  const kind = plural.toUpperCase();
  const schema = { openAPIV3Schema: { type: "object", description } };
  const manifest: KubernetesManifest = {
    ...CRD,
    metadata: { name: `${plural}.test.dayzero.dev` },
    spec: {
      group: "test.dayzero.dev",
      scope: "Namespaced",
      names: { plural, singular: plural, kind, listKind: `${kind}List` },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
  return JSON.stringify(manifest);
}
