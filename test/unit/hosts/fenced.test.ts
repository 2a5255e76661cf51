import { expect, test } from "vitest";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import { fenced } from "../../../src/hosts/fenced.ts";

/** Remembers what came through, in a private field as the clients have them. */
class Recorder {
  readonly server = "https://cluster";
  readonly #done: string[] = [];
  get done(): readonly string[] {
    return this.#done;
  }
  async request(method: string): Promise<void> {
    this.#done.push(method);
  }
  async get(): Promise<void> {
    this.#done.push("get");
  }
  async create(): Promise<void> {
    this.#done.push("create");
  }
}

test("fenced() lets reads through, and no write that the lease does not cover", async () => {
  const recorder = new Recorder();
  let isHeld = true;
  const client = fenced(recorder as unknown as KubernetesClient, () => {
    if (!isHeld) throw new Error("the lease was lost");
  });
  await client.create({} as never);
  await client.request("PATCH", "/a");
  isHeld = false;
  await client.get({} as never);
  await client.request("GET", "/a");
  await expect(client.create({} as never)).rejects.toThrow("the lease was lost");
  await expect(client.request("POST", "/a")).rejects.toThrow("the lease was lost");
  expect(recorder.done).toEqual(["create", "PATCH", "get", "GET"]);
  expect(client.server).toBe("https://cluster");
});
