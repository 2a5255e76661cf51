import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import { STACK_LABEL } from "../../../src/manifests/marks.ts";
import { repositoryCredentialResource } from "../../../src/resources/gitops/RepositoryCredentialResource.ts";
import { serverCertificateResource } from "../../../src/resources/vault/ServerCertificateResource.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import { localContext } from "../../support/localContext.ts";

let cluster: ApiServer;
let client: KubernetesClient;

beforeAll(async () => {
  cluster = await startApiServer(inject("tools"));
  client = cluster.client();
});
afterAll(async () => {
  await client?.close();
  await cluster?.stop();
});

test.each([
  ["repositoryCredentialResource", repositoryCredentialResource, "default/fleet", ["repo-fleet"]],
  ["serverCertificateResource", serverCertificateResource, "default/bao-tls", ["bao-tls", "bao-tls-authority"]],
] as const)("%s removes Secrets of its own stack, and no others", async (_, { remove }, id, names) => {
  const context = { ...localContext(cluster.directory), kubernetes: async () => client };
  const secrets = names.map((name) => ({ apiVersion: "v1", kind: "Secret", namespace: "default", name }));
  const found = () => Promise.all(secrets.map(async (secret) => (await client.get(secret)) !== undefined));
  for (const { namespace, name, ...kind } of secrets) {
    await client.create({ ...kind, metadata: { namespace, name, labels: { [STACK_LABEL]: "theirs" } } });
  }

  await remove(id, { ...context, stack: "mine" });
  expect(await found()).toEqual(secrets.map(() => true));

  await remove(id, { ...context, stack: "theirs" });
  expect(await found()).toEqual(secrets.map(() => false));
});
