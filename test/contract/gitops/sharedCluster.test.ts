import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { KubernetesClient, KubernetesManifest } from "../../../src/clients/KubernetesClient.ts";
import { gitReaderAccount } from "../../../src/manifests/gitReaderAccess.ts";
import { objectResource } from "../../../src/resources/kubernetes/ObjectResource.ts";
import type { Context } from "../../../src/resources/Resource.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import { clusterContext } from "../../support/clusterContext.ts";

let server: ApiServer;
let client: KubernetesClient;

beforeAll(async () => {
  server = await startApiServer(inject("tools"));
  client = server.client();
});

afterAll(async () => {
  await client?.close();
  await server?.stop();
});

function contextOf(stack: string): Context {
  return clusterContext(server, client, { stack });
}

function readerOf(stack: string): KubernetesManifest {
  return { apiVersion: "v1", kind: "ServiceAccount", metadata: gitReaderAccount(stack) } as KubernetesManifest;
}

async function plan(stack: string) {
  const desired = readerOf(stack);
  return objectResource.plan(await objectResource.read(objectResource.identify(desired), contextOf(stack), desired));
}

test("gitReaderAccount() gives each of two stacks of one cluster its own, and neither takes the other's away", async () => {
  for (const stack of ["one", "two"]) {
    expect(await plan(stack)).toEqual([{ action: "create", path: "" }]);
    await objectResource.apply([], readerOf(stack), contextOf(stack));
  }
  expect(await plan("one")).toEqual([]);
  expect(await plan("two")).toEqual([]);
  for (const id of await objectResource.owned("one", contextOf("one"))) {
    await objectResource.remove(id, contextOf("one"));
  }
  expect(await plan("one")).toEqual([{ action: "create", path: "" }]);
  expect(await plan("two")).toEqual([]);
});
