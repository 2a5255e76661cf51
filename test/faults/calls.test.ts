import { afterAll, beforeAll, expect, inject, test } from "vitest";
import type { KubernetesManifest } from "../../src/clients/KubernetesClient.ts";
import type { Call, Fault } from "../support/Shim.ts";
import { type Finished, finish } from "../support/Stack.ts";
import { waitFor } from "../support/waitFor.ts";
import { ExistingPlatform } from "./ExistingPlatform.ts";

const APPLICATIONS = "applications.argoproj.io";
const DEFINITION = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" };
const FIRST = "POST /api/v1/namespaces";
const PHASES = ["before", "middle", "after"] as const;
/** Each run goes on where the one before was cut: as many as the longest chain of calls, three times, and some. */
const MOST_RUNS = 90;

let platform: ExistingPlatform;
/** What is there after a run without a fault, and the calls that made it. */
let whole: string[];
let made: Set<string>;

beforeAll(async () => {
  platform = await ExistingPlatform.create(inject("tools"), "cut");
});

afterAll(() => platform?.dispose());

/** Method and path of a call of ours that changes something, mints a credential or proves one; undefined for the others. */
function keyOf({ method, path, from }: Call): string | undefined {
  const [route = "", query = ""] = path.split("?");
  if (query.includes("dryRun=All") || String(from["user-agent"]).startsWith("git/")) return undefined;
  const counts = method !== "GET" || route.includes("/oidc/token/") || route.endsWith("/info/refs");
  return counts ? `${method} ${route}` : undefined;
}

/** The same for every shim. */
function plan(choose: (key: string) => Fault | undefined): void {
  for (const shim of platform.shims) {
    shim.reset();
    shim.plan = (call) => {
      const key = keyOf(call);
      return key === undefined ? undefined : choose(key);
    };
  }
}

function keysOfCalls(): Set<string> {
  return new Set(platform.shims.flatMap(({ calls }) => calls.map(keyOf).filter((key) => key !== undefined)));
}

/** A failure is told in one error with its hint, and without a stack trace. */
function expectClear({ code, stderr }: Finished): void {
  expect(code, stderr).toBe(1);
  expect(stderr.match(/^error: /gm), stderr).toHaveLength(1);
  expect(stderr.match(/^hint: /gm), stderr).toHaveLength(1);
  expect(stderr).not.toMatch(/^\s+at /m);
}

/** `up` once more: there is one of everything, nothing is left to do, and no credential stands in clear. */
async function expectConverged(): Promise<void> {
  plan(() => undefined);
  const up = await platform.run("up");
  expect(up.code, up.stderr).toBe(0);
  expect(await platform.inventory()).toEqual(whole);
  expect(await platform.changes()).toEqual([]);
  expect(await platform.leaks()).toEqual([]);
}

async function startOver(): Promise<void> {
  plan(() => undefined);
  await platform.stopArgoCd();
  const down = await platform.run("down", "--yes");
  expect(down.code, down.stderr).toBe(0);
}

test("up whose very first call is cut makes the namespace once, and waits for nobody", async () => {
  // `down` leaves that namespace, so no other test comes to this call.
  const cut: string[] = [];
  for (const kind of PHASES) {
    plan((key) => (key === FIRST && cut.push(kind) > 0 ? { kind } : undefined));
    expectClear(await platform.run("up"));
  }
  expect(cut).toEqual(PHASES);
  plan(() => undefined);
});

test("an Application is made only after its definition is established", async () => {
  // A definition of others that has the kind's name: the server takes the new one, and does not establish it.
  const names = { plural: "squatters", singular: "squatter", kind: "Application", listKind: "ApplicationList" };
  const schema = { openAPIV3Schema: { type: "object" } };
  const squatter = {
    ...DEFINITION,
    metadata: { name: "squatters.argoproj.io" },
    spec: {
      group: "argoproj.io",
      names,
      scope: "Namespaced",
      versions: [{ name: "v1alpha1", served: true, storage: true, schema }],
    },
  };
  await platform.client.create(squatter as KubernetesManifest);
  const isApplication = (call: Call) => /\/applications(\/|\?|$)/.test(call.path) && keyOf(call) !== undefined;

  const child = platform.stack.spawn("up");
  const ended = finish(child);
  const argocd = platform.runArgoCd();
  let said = "";
  child.stderr?.on("data", (chunk: string) => {
    said += chunk;
  });
  await waitFor(
    "up to wait for the definition",
    () => said.includes(`waiting for CustomResourceDefinition ${APPLICATIONS}`),
    120,
  );
  expect(platform.cluster.calls.filter(isApplication)).toEqual([]);
  await platform.client.delete({ ...DEFINITION, name: "squatters.argoproj.io" });
  const [up] = await Promise.all([ended, argocd]);
  expect(up.code, up.stderr).toBe(0);
  expect(platform.cluster.calls.filter(isApplication)).not.toEqual([]);

  whole = await platform.inventory();
  made = keysOfCalls();
  expect(await platform.changes()).toEqual([]);
}, 400_000);

test("up with each of its calls cut before, in the middle and after it: the runs after it converge", async () => {
  await startOver();
  const cuts = new Map<string, number>();
  const argocd = platform.runArgoCd();
  let runs = 0;
  for (;;) {
    const before = [...cuts.values()].reduce((sum, count) => sum + count, 0);
    plan((key) => {
      const done = cuts.get(key) ?? 0;
      const kind = PHASES[done];
      if (kind === undefined) return undefined;
      cuts.set(key, done + 1);
      return { kind };
    });
    const up = await platform.run("up");
    const cut = [...cuts.values()].reduce((sum, count) => sum + count, 0) - before;
    expect(++runs, `the last run cut ${cut} calls: ${up.stderr}`).toBeLessThan(MOST_RUNS);
    if (up.code !== 0) expectClear(up);
    else if (cut === 0) break;
  }
  await argocd;
  const missed = [...made].filter((key) => cuts.get(key) !== PHASES.length);
  console.info(`${cuts.size} calls cut ${PHASES.length} times each in ${runs} runs; missed: ${missed.join(", ")}`);
  expect(missed).toEqual([]);
  await expectConverged();
}, 900_000);

test("up killed at a call, before it and after it: the runs after it converge", async () => {
  await startOver();
  const argocd = platform.runArgoCd();
  // Of what the installation of Argo CD applies all at once, one of each kind stands for the rest; of all of them, each run of the test
  // takes another half.
  const kinds = [...new Map([...made].map((key) => [key.replace(/\/argocd(-[a-z-]+)?$/, "/*"), key])).values()];
  const chosen = kinds.sort(() => Math.random() - 0.5).slice(0, Math.ceil(kinds.length / 2));
  const waiting = new Map(chosen.map((key, index) => [key, index % 2 === 0 ? "before" : "after"]));
  let killed = 0;
  for (let runs = 0; ; runs++) {
    expect(runs, `never came to ${[...waiting.keys()].join(", ")}`).toBeLessThan(MOST_RUNS);
    const child = platform.stack.spawn("up");
    const dead = finish(child);
    plan((key) => {
      const when = waiting.get(key);
      if (when === undefined || child.killed) return undefined;
      waiting.delete(key);
      killed++;
      const kill = async () => {
        child.kill("SIGKILL");
        await dead;
      };
      if (when === "after") return { kind: "hold", until: kill };
      void kill();
      return { kind: "before" };
    });
    const up = await dead;
    platform.said.push(up.stdout, up.stderr);
    if (up.signal === null && up.code === 0) break;
    expect(up.signal, up.stderr).toBe("SIGKILL");
  }
  await argocd;
  const never = [...waiting.keys()];
  console.info(`killed at ${chosen.filter((key) => !never.includes(key)).join(", ")}; never made: ${never.join(", ")}`);
  expect(killed).toBeGreaterThan(10);
  await expectConverged();
}, 900_000);
