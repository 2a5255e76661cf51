import { expect, test } from "vitest";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import { KubernetesInventory } from "../../../src/resources/kubernetes/KubernetesInventory.ts";

test("KubernetesInventory.add() resolves for nobody before what it enters is written", async () => {
  const wrote = Promise.withResolvers<void>();
  const writing = Promise.withResolvers<void>();
  const client = {
    get: async ({ kind }: { kind: string }) => (kind === "Namespace" ? {} : undefined),
    create: () => {
      writing.resolve();
      return wrote.promise;
    },
  };
  const inventory = new KubernetesInventory(client as unknown as KubernetesClient, "test");
  const order: string[] = [];
  const first = inventory.add(["core/Secret/default/a"]);
  await writing.promise;
  const second = inventory.add(["core/Secret/default/a"]).then(() => order.push("second"));
  await new Promise((resolve) => setImmediate(resolve));
  order.push("written");
  wrote.resolve();
  await Promise.all([first, second]);
  expect(order).toEqual(["written", "second"]);
});
