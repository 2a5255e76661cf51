import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { KubernetesClient, KubernetesManifest } from "../../../src/clients/KubernetesClient.ts";
import { leased } from "../../../src/hosts/LeasedCluster.ts";
import { StackLease } from "../../../src/hosts/StackLease.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import { localContext } from "../../support/localContext.ts";
import { waitFor } from "../../support/waitFor.ts";

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

interface Acquired {
  readonly narrated: string[];
  readonly lost: Error[];
  readonly lease: Promise<StackLease>;
}

function acquire(stack: string, patienceMs?: number): Acquired {
  const narrated: string[] = [];
  const lost: Error[] = [];
  const lease = StackLease.acquire({
    client,
    stack,
    narrate: (message) => narrated.push(message),
    signal: new AbortController().signal,
    onLost: (error) => lost.push(error),
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
  return { narrated, lost, lease };
}

async function read(stack: string): Promise<KubernetesManifest & { spec: Record<string, unknown> }> {
  const lease = await client.get<KubernetesManifest & { spec: Record<string, unknown> }>({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    namespace: "dayzero-system",
    name: `dayzero-${stack}`,
  });
  if (lease === undefined) throw new Error(`no lease of ${stack}`);
  return lease;
}

/** Writes the lease as another holder would, by its own clock. */
async function holdAs(stack: string, holderIdentity: string, clock = new Date()): Promise<void> {
  const live = await read(stack);
  const renewTime = clock.toISOString().replace("Z", "000Z");
  await client.replace({ ...live, spec: { ...live.spec, holderIdentity, renewTime } });
}

test("StackLease.acquire() names this process, and release() frees it for the next run", async () => {
  const first = await acquire("free").lease;
  const { holderIdentity } = (await read("free")).spec;
  expect(holderIdentity).toMatch(new RegExp(`/${process.pid}/\\d+$`));
  expect(() => first.assertHeld()).not.toThrow();
  await first.release();
  expect((await read("free")).spec.holderIdentity).toBe("");
  const next = await acquire("free").lease;
  expect((await read("free")).spec.leaseTransitions).toBe(1);
  await next.release();
});

test("StackLease.acquire() takes over at once from a process of this machine that died", async () => {
  const probe = await acquire("dead").lease;
  const machine = String((await read("dead")).spec.holderIdentity).split("/")[0];
  await probe.release();
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  await holdAs("dead", `${machine}/${child.pid}/12345`);

  const { lease, narrated } = acquire("dead");
  await (await lease).release();
  expect(narrated).toEqual([]);
});

test("StackLease.acquire() refuses a holder that goes on renewing, and says who it is", async () => {
  const holder = await acquire("busy").lease;
  const { lease, narrated } = acquire("busy", 1_000);
  await expect(lease).rejects.toMatchObject({
    code: "STACK_BUSY",
    message: expect.stringContaining(`process ${process.pid} on `),
  });
  expect(narrated).toEqual([expect.stringContaining(`waiting for process ${process.pid}`)]);
  expect(() => holder.assertHeld()).not.toThrow();
  await holder.release();
});

test("StackLease.acquire() takes nothing from a holder whose clock is behind", async () => {
  await (await acquire("behind").lease).release();
  await holdAs("behind", "other-host.00000000/17/1", new Date(Date.now() - 600_000));
  await expect(acquire("behind", 1_000).lease).rejects.toMatchObject({ code: "STACK_BUSY" });
});

test("StackLease.acquire() waits until a holder elsewhere has not renewed for the lease's duration", async () => {
  await (await acquire("elsewhere").lease).release();
  await holdAs("elsewhere", "other-host.00000000/17/1");
  const { lease, narrated } = acquire("elsewhere");
  const started = performance.now();
  await (await lease).release();
  expect(performance.now() - started).toBeGreaterThan(14_000);
  expect(narrated).toEqual(["waiting for process 17 on other-host, which holds the stack's lease"]);
});

test("StackLease notices that another one took it, and lets nothing be written any more", async () => {
  const { lease, lost } = acquire("taken");
  const held = await lease;
  await holdAs("taken", "other-host.00000000/17/1");
  await waitFor("the loss to be noticed", () => lost.length > 0);
  expect(lost[0]).toMatchObject({ code: "LEASE_LOST", message: expect.stringContaining("process 17 on other-host") });
  expect(() => held.assertHeld()).toThrow("was lost");
  await held.release();
  expect((await read("taken")).spec.holderIdentity).toBe("other-host.00000000/17/1");
});

test("StackLease.acquire() lets one of two that start at once go first", async () => {
  const [a, b] = [acquire("race", 1_000), acquire("race", 1_000)];
  const outcomes = await Promise.allSettled([a.lease, b.lease]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  for (const outcome of outcomes) if (outcome.status === "fulfilled") await outcome.value.release();
});

test("leased() takes the Lease with the first use of the cluster, once for every client of that server", async () => {
  const context = { ...localContext(server.directory), stack: "leased", kubernetes: async () => client };
  const other = server.client();
  const cluster = leased(context, { onLost: () => undefined });
  cluster.assertHeld();
  await expect(read("leased")).rejects.toThrow("no lease");
  expect(await Promise.all([cluster.context.kubernetes(), cluster.context.kubernetes()])).toEqual([client, client]);
  await cluster.hold(other);
  expect((await read("leased")).spec).toMatchObject({
    holderIdentity: expect.stringContaining(`/${process.pid}/`),
    leaseTransitions: 0,
  });
  await cluster.release();
  await other.close();
  expect((await read("leased")).spec.holderIdentity).toBe("");
});

test("leased() takes none for a dry run, and tries again after a cluster that did not answer", async () => {
  const context = { ...localContext(server.directory), stack: "unleased", kubernetes: async () => client };
  const dry = leased({ ...context, dryRun: true }, { onLost: () => undefined });
  expect(await dry.context.kubernetes()).toBe(client);
  await expect(read("unleased")).rejects.toThrow("no lease");

  const get = (): Promise<never> => Promise.reject(new Error("nothing listens"));
  const clients = [{ server: client.server, get } as unknown as KubernetesClient, client];
  const kubernetes = async (): Promise<KubernetesClient> => clients.shift() as KubernetesClient;
  const later = leased({ ...context, kubernetes }, { onLost: () => undefined });
  await expect(later.context.kubernetes()).rejects.toThrow("nothing listens");
  expect((await later.context.kubernetes()).server).toBe(client.server);
  expect((await read("unleased")).spec.holderIdentity).not.toBe("");
  await later.release();
});
