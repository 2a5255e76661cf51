import { expect, test, vi } from "vitest";
import type { KubernetesClient, KubernetesManifest } from "../../../src/clients/KubernetesClient.ts";
import { awaitReadiness } from "../../../src/resources/kubernetes/awaitReadiness.ts";
import { compareObjects } from "../../../src/resources/kubernetes/compareObjects.ts";
import { nudgeOf, RETRYING, readinessOf } from "../../../src/resources/kubernetes/readiness.ts";

const source = { repoURL: "https://git/fleet.git", path: "overlays/local", targetRevision: "main" };

function application(status: object, annotations: Record<string, string> = {}): KubernetesManifest {
  const metadata = { name: "root", namespace: "argocd", annotations };
  return { apiVersion: "argoproj.io/v1alpha1", kind: "Application", metadata, spec: { source }, status };
}

const synced = {
  sync: { status: "Synced", revision: "abc123", comparedTo: { source } },
  health: { status: "Healthy" },
};

test("readinessOf() takes a stored object of any other kind as ready", () => {
  expect(readinessOf({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } })).toEqual({ state: "ready" });
});

test("readinessOf() awaits Established of a CRD and Active of a namespace", () => {
  const crd = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: { name: "a" } };
  expect(readinessOf(crd)).toMatchObject({ state: "waiting" });
  const conditions = [{ type: "Established", status: "True" }];
  expect(readinessOf({ ...crd, status: { conditions } })).toEqual({ state: "ready" });

  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "a" } };
  expect(readinessOf({ ...namespace, status: { phase: "Terminating" } })).toMatchObject({ state: "waiting" });
  expect(readinessOf({ ...namespace, status: { phase: "Active" } })).toEqual({ state: "ready" });
});

test("readinessOf() does not trust a status that is older than the change", () => {
  const status = { observedGeneration: 1, conditions: [{ type: "Available", status: "True" }] };
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "a", generation: 2 }, status };
  expect(readinessOf(deployment)).toMatchObject({ state: "waiting", reason: expect.stringContaining("not seen") });
});

test("readinessOf() wants an Application Synced, Healthy, at the awaited revision of its present source", () => {
  const at = (revision: string): Record<string, string> => ({ "dayzero.dev/await-revision": revision });
  expect(readinessOf(application(synced))).toEqual({ state: "ready" });
  expect(readinessOf(application(synced, at("abc123")))).toEqual({ state: "ready" });
  expect(readinessOf(application(synced, at("def456")))).toMatchObject({ state: "waiting" });
  const other = { ...synced, sync: { ...synced.sync, comparedTo: { source: { ...source, path: "elsewhere" } } } };
  expect(readinessOf(application(other))).toMatchObject({ state: "waiting" });
  expect(readinessOf(application({}))).toMatchObject({ state: "waiting" });
});

test("readinessOf() says what an Application reports: its comparison, its sync, its resources", () => {
  const broken = application({ ...synced, conditions: [{ type: "ComparisonError", message: "no access" }] });
  expect(readinessOf(broken)).toEqual({ state: "failing", reason: "ComparisonError: no access" });
  expect(nudgeOf(broken, readinessOf(broken))).toEqual({ "argocd.argoproj.io/refresh": "hard" });

  const operationState = { phase: "Failed", message: "forbidden" };
  const failed = application({ sync: { ...synced.sync, status: "OutOfSync" }, operationState });
  expect(readinessOf(failed)).toEqual({ state: "failing", reason: "the last sync ended in Failed: forbidden" });

  const resources = [
    {
      kind: "Deployment",
      namespace: "web",
      name: "site",
      status: "Synced",
      health: { status: "Degraded", message: "no image" },
    },
    { kind: "Service", namespace: "web", name: "site", status: "Synced", health: { status: "Healthy" } },
  ];
  expect(readinessOf(application({ ...synced, health: { status: "Degraded" }, resources }))).toEqual({
    state: "failing",
    reason: "Synced, Degraded; Deployment web/site is Synced, Degraded, no image",
  });
});

const retried = (message: string): KubernetesManifest =>
  application({
    sync: { ...synced.sync, status: "OutOfSync" },
    operationState: { phase: "Running", retryCount: 1, message },
  });

const ESCALATION = 'one or more objects failed to apply, reason: clusterroles "big" is forbidden: attempting to grant';

test("readinessOf() leaves out which attempt of a sync it is and when the next one comes", () => {
  const expected = { state: "failing", reason: `the sync is tried again: ${ESCALATION}` };
  expect(readinessOf(retried(`${ESCALATION}. Retrying attempt #11 at 9:20AM.`))).toEqual(expected);
  expect(readinessOf(retried(`${ESCALATION}. Retrying attempt #12 at 10:21PM.`))).toEqual(expected);
  expect(readinessOf(retried("Retrying operation. Attempt #10"))).toBe(RETRYING);
  expect(readinessOf(retried("Retrying operation with latest revisions. Attempt #10"))).toBe(RETRYING);
});

test("awaitReadiness() gives up after 20 s on a sync that is refused at each attempt, with what was refused", async () => {
  vi.useFakeTimers();
  try {
    const stop = new AbortController();
    const client = {
      async *watch(_ref: unknown, signal: AbortSignal) {
        for (let attempt = 1; !signal.aborted; attempt++) {
          yield { type: "MODIFIED", object: retried(`${ESCALATION}. Retrying attempt #${attempt} at 9:20AM.`) };
          await new Promise((resolve) => setTimeout(resolve, 2_000));
          yield { type: "MODIFIED", object: retried(`Retrying operation with latest revisions. Attempt #${attempt}`) };
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
      },
      mergePatch: async () => undefined,
    } as unknown as KubernetesClient;
    const startedAt = performance.now();
    const waiting = awaitReadiness(retried(""), { client, narrate: () => undefined, signal: stop.signal });
    const failure = waiting.catch((error: unknown) => ({ error, ms: performance.now() - startedAt }));
    await vi.advanceTimersByTimeAsync(130_000);
    const { error, ms } = (await failure) as { error: Error; ms: number };
    expect(error.message).toBe(`Application argocd/root is not ready: the sync is tried again: ${ESCALATION}`);
    expect(ms).toBeLessThan(25_000);
  } finally {
    vi.useRealTimers();
  }
});

test("awaitReadiness() asks for a look at once at an Application that was there before, and not at a new one", async () => {
  const nudged = async (status: object | undefined): Promise<number> => {
    let patches = 0;
    const { status: _, ...made } = application({});
    const client = {
      async *watch() {
        await new Promise((resolve) => setTimeout(resolve, 50));
        yield { type: "MODIFIED", object: application(synced) };
      },
      mergePatch: async () => patches++,
    } as unknown as KubernetesClient;
    const { signal } = new AbortController();
    const object = status === undefined ? made : { ...made, status };
    await awaitReadiness(object, { client, narrate: () => undefined, signal });
    return patches;
  };
  expect(await nudged({ sync: { status: "OutOfSync" } })).toBe(1);
  expect(await nudged(undefined)).toBe(0);
});

test("compareObjects() reports each difference by its path, and leaves out what the server writes", () => {
  const metadata = { name: "a", resourceVersion: "1", generation: 1, uid: "u", labels: { kept: "1" } };
  const live = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { a: "1", gone: "x" }, list: [1, 2], status: 1 };
  const planned = { ...live, metadata: { ...metadata, resourceVersion: "2", generation: 2 }, status: 2 };
  expect(compareObjects(live, planned)).toEqual([]);
  expect(compareObjects(live, { ...planned, data: { a: "2", new: "y" }, list: [1, 3] })).toEqual([
    { action: "update", path: "data.a", before: "1", after: "2" },
    { action: "update", path: "data.gone", before: "x" },
    { action: "update", path: "data.new", after: "y" },
    { action: "update", path: "list[1]", before: "2", after: "3" },
  ]);
});

test("compareObjects() never shows what a Secret holds", () => {
  const live = { apiVersion: "v1", kind: "Secret", metadata: { name: "a" }, data: { password: "b2xk" } };
  const changes = compareObjects(live, { ...live, data: { password: "bmV3", more: "bW9yZQ==" } });
  expect(changes).toHaveLength(2);
  expect(JSON.stringify(changes)).not.toMatch(/b2xk|bmV3|bW9yZQ/);
  expect(JSON.stringify(compareObjects(live, { ...live, data: undefined }))).not.toContain("b2xk");
});
