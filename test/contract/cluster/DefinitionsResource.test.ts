import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { KubernetesClient, KubernetesManifest } from "../../../src/clients/KubernetesClient.ts";
import { type DefinitionsInputs, definitionsResource } from "../../../src/resources/cluster/DefinitionsResource.ts";
import type { Change, Context } from "../../../src/resources/Resource.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import { clusterContext } from "../../support/clusterContext.ts";

const KIND = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };

let server: ApiServer;
let client: KubernetesClient;
let ctx: Context;

beforeAll(async () => {
  server = await startApiServer(inject("tools"));
  client = server.client();
  ctx = clusterContext(server, client, { tool: (name) => [name === "crds" ? server.directory : ""] });
});

afterAll(async () => {
  await client?.close();
  await server?.stop();
});

/** The file of a definition, by its name in the folder of the tool. */
async function definition(plural: string, description = "made by a test"): Promise<string> {
  const kind = plural.toUpperCase();
  const schema = { openAPIV3Schema: { type: "object", description } };
  const manifest = {
    ...KIND,
    metadata: { name: `${plural}.test.dayzero.dev` },
    spec: {
      group: "test.dayzero.dev",
      scope: "Namespaced",
      names: { plural, singular: plural, kind, listKind: `${kind}List` },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
  const file = `${plural}.yaml`;
  await writeFile(join(server.directory, file), JSON.stringify(manifest));
  return file;
}

function get(plural: string): Promise<KubernetesManifest | undefined> {
  return client.get({ ...KIND, name: `${plural}.test.dayzero.dev` });
}

async function plan(desired: DefinitionsInputs): Promise<Change[]> {
  return definitionsResource.plan(await definitionsResource.read(desired.name, ctx, desired), desired);
}

/** What a run does; then nothing is left to do. */
async function up(name: string, files: string[]): Promise<string[]> {
  const desired = definitionsResource.inputs.parse({ name, tool: "crds", files });
  const changes = await plan(desired);
  if (changes.length > 0) await definitionsResource.apply(changes, desired, ctx);
  expect(await plan(desired)).toEqual([]);
  return changes.map(({ action }) => action);
}

test("definitionsResource makes what the files say, marked as the stack's, and then sends nothing", async () => {
  const files = [await definition("apples"), await definition("pears")];
  expect(await up("fruit", files)).toEqual(["create"]);
  expect((await get("apples"))?.metadata.labels).toMatchObject({ "dayzero.dev/stack": "test" });
  expect(await client.list({ apiVersion: "test.dayzero.dev/v1", kind: "PEARS" })).toEqual([]);
  await server.mutations();
  expect(await up("fruit", files)).toEqual([]);
  expect(await server.mutations()).toEqual([]);
  expect(await definitionsResource.owned("test", ctx)).toEqual(["fruit"]);
});

test("definitionsResource follows a changed file, and undoes what somebody else changed", async () => {
  await up("drift", [await definition("drifts")]);
  const files = [await definition("drifts", "written anew")];
  expect(await up("drift", files)).toEqual(["update"]);
  await client.mergePatch(
    { ...KIND, name: "drifts.test.dayzero.dev" },
    { spec: { names: { shortNames: ["theirs"] } } },
  );
  await client.mergePatch({ ...KIND, name: "drifts.test.dayzero.dev" }, { spec: { versions: versions("theirs") } });
  expect(await up("drift", files)).toEqual(["update"]);
  expect((await get("drifts"))?.spec).toMatchObject({ versions: versions("written anew") });
});

test("definitionsResource deletes the definition of a file that was dropped, changed by somebody else or not", async () => {
  const files = [await definition("kept"), await definition("dropped"), await definition("changed")];
  await up("files", files);
  await client.mergePatch({ ...KIND, name: "changed.test.dayzero.dev" }, { spec: { versions: versions("theirs") } });
  expect(await up("files", files.slice(0, 2))).toEqual(["update"]);
  expect(await get("changed")).toBeUndefined();
  expect(await up("files", files.slice(0, 1))).toEqual(["update"]);
  expect(await get("dropped")).toBeUndefined();
  expect(await get("kept")).toBeDefined();
});

test("definitionsResource, removed, is gone", async () => {
  await up("removed", [await definition("removed")]);
  await definitionsResource.remove("removed", ctx);
  expect(await get("removed")).toBeUndefined();
  await definitionsResource.remove("removed", ctx);
});

test("definitionsResource refuses a definition that the stack did not make", async () => {
  const file = await definition("theirs");
  await client.create(JSON.parse(await readFile(join(server.directory, file), "utf8")) as KubernetesManifest);
  await expect(up("own", [file])).rejects.toMatchObject({
    code: "OBJECT_NOT_OWN",
    message: expect.stringContaining("theirs.test.dayzero.dev"),
  });
  expect((await get("theirs"))?.metadata.labels).toBeUndefined();
});

function versions(description: string): object[] {
  const schema = { openAPIV3Schema: { type: "object", description } };
  return [{ name: "v1", served: true, storage: true, schema }];
}
