import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import callback from "@pulumi/pulumi/proto/callback_pb.js";
import monitor from "@pulumi/pulumi/proto/resource_pb.js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { KubernetesError } from "../../../src/clients/KubernetesError.ts";
import { DayzeroError } from "../../../src/config/DayzeroError.ts";
import type { ConvergeEvent } from "../../../src/hosts/converge/ConvergeEvent.ts";
import { type ConvergeResult, converge } from "../../../src/hosts/converge/converge.ts";
import { PULUMI_OPTIONS, unsupportedOptions } from "../../../src/hosts/converge/pulumiOptions.ts";
import type { Context } from "../../../src/resources/Resource.ts";
import type { BoxSpec } from "../../support/programs/boxes.ts";
import { waitFor } from "../../support/waitFor.ts";
import { BoxStore } from "./BoxStore.ts";

let directory: string;
let store: BoxStore;
let events: ConvergeEvent[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "converge-"));
  store = new BoxStore();
  events = [];
});

afterEach(() => rm(directory, { recursive: true }));

interface Run {
  readonly program?: string;
  readonly boxes?: readonly BoxSpec[];
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  readonly folder?: string;
}

function run({
  program = "boxes",
  boxes = [],
  dryRun = false,
  signal,
  folder = directory,
}: Run): Promise<ConvergeResult> {
  const never = new AbortController().signal;
  const absent = (): Promise<never> => Promise.reject(new Error("there is none in this test"));
  const context: Context = {
    stack: "test",
    directory: folder,
    dryRun,
    signal: signal ?? never,
    now: () => new Date(),
    tool: () => [],
    narrate: () => undefined,
    kubernetes: absent,
    vault: absent,
    memory: new Map(),
  };
  return converge({
    stack: "test",
    project: "boxes",
    program: join(import.meta.dirname, `../../support/programs/${program}.ts`),
    config: { "dayzero:boxes": JSON.stringify(boxes) },
    dryRun,
    context,
    handlers: async (type) => (type === store.resource.type ? store.resource : undefined),
    types: [store.resource.type],
    onEvent: (event) => events.push(event),
    node: process.execPath,
    environment: { PATH: process.env.PATH ?? "" },
    signal: signal ?? never,
    compileCache: join(tmpdir(), `dayzero-test-compiled-${process.getuid?.()}`),
  });
}

function actions(result: ConvergeResult): string[] {
  return result.changes.map(({ action, name }) => `${action} ${name}`).sort();
}

test("converge() makes what the program declares, and changes nothing when run again", async () => {
  const boxes = [
    { name: "a", size: 1 },
    { name: "b", size: 2, labelOf: "a" },
  ];

  const first = await run({ boxes });
  expect(actions(first)).toEqual(["create a", "create b"]);
  expect(store.boxes.get("b")).toEqual({ name: "b", size: 2, label: "token of a", token: "token of b" });
  expect(first.outputs).toEqual({ names: ["a", "b"], hidden: "[secret]" });

  store.log.length = 0;
  expect(actions(await run({ boxes }))).toEqual(["same a", "same b"]);
  expect(store.log).toEqual([]);
});

test("converge() updates what differs and says which property", async () => {
  await run({ boxes: [{ name: "a", size: 1 }] });
  const result = await run({ boxes: [{ name: "a", size: 3 }] });
  expect(result.changes).toEqual([
    {
      urn: "urn:pulumi:test::boxes::dayzero:test:Box::a",
      name: "a",
      type: "dayzero:test:Box",
      action: "update",
      changes: [{ action: "update", path: "size", before: "1", after: "3" }],
    },
  ]);
});

test("converge() with dryRun changes nothing and announces what a run then does", async () => {
  await run({
    boxes: [
      { name: "kept", size: 1 },
      { name: "dropped", size: 1 },
    ],
  });
  const boxes = [
    { name: "kept", size: 1 },
    { name: "new", size: 1 },
    { name: "fed", size: 1, labelOf: "new" },
  ];
  store.log.length = 0;

  const plan = await run({ boxes, dryRun: true });
  expect(store.log).toEqual([]);
  expect(plan.changes.find(({ name }) => name === "fed")?.changes).toEqual([
    { action: "create", path: "label", after: "known after apply" },
  ]);
  expect(actions(plan)).toEqual(["create fed", "create new", "delete dropped", "same kept"]);
  expect(actions(await run({ boxes }))).toEqual(actions(plan));
});

test("converge() with dryRun claims no removal while the program has yet to tell all that it makes", async () => {
  const box = (name: string) => ({ name, size: 1, token: `token of ${name}` });
  for (const name of ["outer", "inner", "dropped"]) store.boxes.set(name, box(name));

  expect(actions(await run({ program: "boxInside", dryRun: true }))).toEqual(["update outer"]);
  expect(events).toContainEqual(expect.objectContaining({ kind: "log", message: expect.stringMatching(/removed/) }));

  store.foresees = true;
  const plan = await run({ program: "boxInside", dryRun: true });
  expect(actions(plan)).toEqual(["delete dropped", "same inner", "update outer"]);
  expect(actions(await run({ program: "boxInside" }))).toEqual(actions(plan));
});

test("converge() waits for dependencies, and converges independent resources side by side", async () => {
  let arrived = 0;
  let meet: () => void = () => undefined;
  const met = new Promise<void>((resolve) => {
    meet = resolve;
  });
  // Neither of the two gets out unless both are in.
  store.during = async (name) => {
    if (name === "last") return;
    if (++arrived === 2) meet();
    await met;
  };
  await run({
    boxes: [
      { name: "a", size: 1 },
      { name: "b", size: 1 },
      { name: "last", size: 1, dependsOn: "a" },
    ],
  });
  expect(store.log.indexOf("apply last")).toBeGreaterThan(store.log.indexOf("applied a"));
});

test("converge() rejects with the resource's name and cause, lets the rest in flight end, removes nothing", async () => {
  await run({ boxes: [{ name: "dropped", size: 1 }] });
  store.log.length = 0;
  let release: () => void = () => undefined;
  const failed = new Promise<void>((resolve) => {
    release = resolve;
  });
  store.during = async (name) => {
    if (name === "slow") await failed;
    if (name !== "bad") return;
    setImmediate(release);
    throw new Error("it does not close");
  };
  const boxes = [
    { name: "slow", size: 1 },
    { name: "bad", size: 1 },
    { name: "later", size: 1, dependsOn: "bad" },
  ];

  await expect(run({ boxes })).rejects.toMatchObject({
    code: "INTERNAL",
    message: 'cannot converge dayzero:test:Box "bad": it does not close',
  });
  expect(store.log).toContain("applied slow");
  expect(store.log).not.toContain("apply later");
  expect([...store.boxes.keys()].sort()).toEqual(["dropped", "slow"]);
  expect(events.filter(({ kind }) => kind === "resource-failed")).toHaveLength(1);
});

test("converge() removes what the program dropped, what was made last first", async () => {
  await run({
    boxes: [
      { name: "a", size: 1 },
      { name: "b", size: 1, dependsOn: "a" },
      { name: "c", size: 1 },
    ],
  });
  store.boxes = new Map([...store.boxes].sort());
  store.log.length = 0;
  const result = await run({ boxes: [{ name: "c", size: 1 }] });
  expect(store.log).toEqual(["remove b", "remove a"]);
  expect(actions(result)).toEqual(["delete a", "delete b", "same c"]);
});

test("converge() leaves what has a reason to stay, says so in the plan and in the run, and removes the rest", async () => {
  const all = ["full", "given", "plain"].map((name) => ({ name, size: 1 }));
  await run({ boxes: [{ ...all[0], options: { protect: true } } as BoxSpec, ...all.slice(1)] });
  store.staying.set("full", "kept").set("given", "released");
  store.log.length = 0;

  const plan = await run({ boxes: [], dryRun: true });
  expect(actions(plan)).toEqual(["delete plain", "keep full", "release given"]);
  expect(plan.changes.find(({ name }) => name === "given")?.changes).toEqual([
    { action: "update", path: "", after: "released given: it is full" },
  ]);
  expect(store.log).toEqual([]);

  events.length = 0;
  expect(actions(await run({ boxes: [] }))).toEqual(actions(plan));
  expect(store.log).toEqual(["remove plain", "remove given"]);
  expect(events.flatMap((event) => (event.kind === "narration" ? [event.message] : []))).toEqual([
    "released given: it is full",
    "kept full: it is full",
  ]);
  expect(actions(await run({ boxes: [] }))).toEqual(["keep full"]);
});

test("converge() keeps the hint of a failed removal", async () => {
  await run({ boxes: [{ name: "a", size: 1 }] });
  store.removing = () => {
    throw new DayzeroError("OBJECT_NOT_GONE", "it is stuck", { hint: "pull" });
  };
  await expect(run({ boxes: [] })).rejects.toMatchObject({ code: "REMOVAL_FAILED", hint: "pull" });
});

test("converge() refuses to remove anything when a dropped resource is protected, until it is not", async () => {
  const box = { name: "precious", size: 1 };
  await run({
    boxes: [
      { ...box, options: { protect: true } },
      { name: "other", size: 1 },
    ],
  });

  expect(actions(await run({ boxes: [], dryRun: true }))).toEqual(["delete other", "delete precious"]);
  await expect(run({ boxes: [] })).rejects.toMatchObject({
    code: "RESOURCE_PROTECTED",
    message: expect.stringContaining('"precious"'),
  });
  expect([...store.boxes.keys()].sort()).toEqual(["other", "precious"]);

  await run({ boxes: [{ ...box, options: { protect: false } }] });
  await run({ boxes: [] });
  expect(store.boxes.size).toBe(0);
});

test("converge() refuses to replace what is protected, in a plan too", async () => {
  const box = (secretLabel: string, protect: boolean): BoxSpec => ({
    name: "a",
    size: 1,
    secretLabel,
    options: { protect },
  });
  await run({ boxes: [box("old", true)] });
  store.log.length = 0;
  for (const dryRun of [true, false]) {
    await expect(run({ boxes: [box("new", true)], dryRun })).rejects.toMatchObject({
      code: "RESOURCE_PROTECTED",
      message: expect.stringContaining('"a" is protected, and must be replaced for label'),
    });
  }
  expect(store.log).toEqual([]);
  expect(actions(await run({ boxes: [box("new", false)] }))).toEqual(["replace a"]);
});

const REFUSED = {
  import: "elsewhere",
  aliases: ["urn:pulumi:test::boxes::dayzero:test:Box::old"],
  ignoreChanges: ["size"],
  retainOnDelete: true,
  replaceOnChanges: ["size"],
  deleteBeforeReplace: true,
  customTimeouts: { create: "1m" },
  additionalSecretOutputs: ["token"],
  hideDiffs: ["size"],
  replacementTrigger: "now",
  pluginDownloadURL: "https://example.com",
};

test("converge() refuses options that it does not honour, by the resource's name and theirs", async () => {
  const refusal = run({ boxes: [{ name: "a", size: 1, options: REFUSED as never }] });
  const error = (await refusal.catch((reason: unknown) => reason)) as DayzeroError;
  expect(error).toMatchObject({ code: "OPTION_UNSUPPORTED", hint: expect.stringContaining("pulumi up -s test") });
  expect(error.message).toMatch(/^cannot converge dayzero:test:Box "a": it uses /);
  for (const option of Object.keys(REFUSED)) expect(error.message).toContain(`"${option}"`);
  expect(store.log).toEqual([]);
});

test.each([
  ["hooked", "hooks"],
  ["transformed", "transforms"],
])("converge() refuses the program %s by the resource's name", async (program, option) => {
  await expect(run({ program })).rejects.toMatchObject({
    code: "OPTION_UNSUPPORTED",
    message: `cannot converge dayzero:test:Box "${program}": it uses "${option}", which \`dayzero up\` does not do`,
  });
});

test("converge() refuses options that tie a resource to another one", async () => {
  await expect(run({ program: "related" })).rejects.toMatchObject({
    code: "OPTION_UNSUPPORTED",
    message: expect.stringMatching(/Box "related": it uses "replaceWith", "envVarMappings", which/),
  });
});

test("converge() fails with a program that logged an error", async () => {
  await expect(run({ program: "complains" })).rejects.toMatchObject({ code: "PROGRAM_FAILED" });
  expect(events).toContainEqual({ kind: "log", severity: "error", message: "this will not do" });
  expect(events).toContainEqual({ kind: "log", severity: "info", message: "printed" });
});

test("converge() refuses two resources with one identity", async () => {
  await expect(run({ program: "twins" })).rejects.toMatchObject({
    code: "IDENTITY_DUPLICATE",
    message: expect.stringContaining(`"twin"`),
  });
});

test("PULUMI_OPTIONS names no option as refused that these tests do not try", () => {
  const tried = [...Object.keys(REFUSED), "hooks", "transforms", "replaceWith", "envVarMappings"];
  // What the SDK in this process has no class for: asked of the table itself.
  const untried = ["stateMigrations", "remote component", "parameterized package"];
  const refused = Object.entries(PULUMI_OPTIONS).flatMap(([option, how]) => (how === "honoured" ? [] : [option]));
  expect(refused.sort()).toEqual([...tried, ...untried].sort());
  const request = new monitor.RegisterResourceRequest().setRemote(true).setPackageref("p");
  request.addStateMigrations(new callback.Callback());
  expect(unsupportedOptions(request).sort()).toEqual(["parameterized package", "remote component", "stateMigrations"]);
});

test("converge() refuses a package without a handler and names the command that does it", async () => {
  await expect(run({ program: "foreign" })).rejects.toMatchObject({
    code: "HANDLER_MISSING",
    message: expect.stringContaining('aws:s3/bucket:Bucket "logs"'),
    hint: "run `pulumi up -s test`",
  });
});

test("converge() refuses an invoke", async () => {
  await expect(run({ program: "invoke" })).rejects.toMatchObject({
    code: "PROGRAM_UNSUPPORTED",
    message: expect.stringContaining("aws:index/getAvailabilityZones"),
  });
});

test("converge() reports every invalid input by its path", async () => {
  await expect(run({ boxes: [{ name: "a", size: -1 }] })).rejects.toMatchObject({
    code: "INPUTS_INVALID",
    message: expect.stringMatching(/"a".*size: /),
  });
});

test("converge() rejects with what a throwing program says, and removes nothing", async () => {
  await run({ boxes: [{ name: "kept", size: 1 }] });
  await expect(run({ program: "throws" })).rejects.toMatchObject({
    code: "PROGRAM_FAILED",
    message: expect.stringContaining("TypeError: the program is wrong"),
  });
  expect(store.boxes.has("kept")).toBe(true);
});

test("converge() says where and why a program cannot be parsed", async () => {
  await writeFile(join(directory, "broken.ts"), "export const sound = 1;\nexport const broken: = 2;\n");
  const program = relative(join(import.meta.dirname, "../../support/programs"), join(directory, "broken"));
  await expect(run({ program })).rejects.toMatchObject({
    code: "PROGRAM_FAILED",
    message: expect.stringMatching(/broken\.ts:2: SyntaxError/),
  });
});

test("converge() shows nothing of what Node says about a promise that the program looks at late", async () => {
  await expect(run({ program: "lateHandler" })).rejects.toThrow("nobody waits for it yet");
  expect(events.filter(({ kind }) => kind === "log")).toEqual([]);
});

test("converge() says to run again when the program was killed", async () => {
  await expect(run({ program: "killed" })).rejects.toMatchObject({
    code: "PROGRAM_FAILED",
    message: expect.stringContaining("SIGKILL"),
    hint: "run `dayzero up` again; nothing was removed",
  });
});

test("converge() points to the status when Kubernetes does not answer", async () => {
  store.during = async () => {
    throw new KubernetesError({ status: 0, reason: "Unreachable", method: "GET", path: "/api" });
  };
  await expect(run({ boxes: [{ name: "a", size: 1 }] })).rejects.toMatchObject({
    code: "CLUSTER_UNREACHABLE",
    hint: expect.stringContaining("dayzero status"),
  });
});

test("converge() notices a program that waits for ever", async () => {
  await expect(run({ program: "hanging" })).rejects.toMatchObject({ code: "PROGRAM_FAILED" });
});

test("converge() rejects with the signal's reason when aborted, after what is in flight saw the signal", async () => {
  const stop = new AbortController();
  const reason = new Error("interrupted");
  store.during = (_name, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      stop.abort(reason);
    });
  await expect(run({ boxes: [{ name: "a", size: 1 }], signal: stop.signal })).rejects.toBe(reason);
  expect(await readdir(directory)).toEqual([]);
});

test("converge() makes nothing when aborted before the program runs", async () => {
  const stop = new AbortController();
  const running = run({ boxes: [{ name: "a", size: 1 }], signal: stop.signal });
  const reason = new Error("interrupted");
  stop.abort(reason);
  await expect(running).rejects.toBe(reason);
  expect(events).toEqual([]);
});

test("converge() with dryRun leaves no folder of a stack that does not exist", async () => {
  await run({ boxes: [{ name: "a", size: 1 }], dryRun: true, folder: join(directory, ".dayzero", "none") });
  expect(await readdir(directory)).toEqual([]);
});

test("converge() leaves no program behind when it is killed, and the next run sweeps its socket", async () => {
  const host = spawn(process.execPath, [join(import.meta.dirname, "endlessHost.ts"), directory]);
  let printed = "";
  host.stdout.on("data", (chunk: Buffer) => {
    printed += chunk;
  });
  await waitFor("the program to run and wait", () => /pid \d+\n/.test(printed) && printed.includes("filling endless"));
  const pid = Number(/pid (\d+)/.exec(printed)?.[1]);
  expect(() => process.kill(pid, 0)).not.toThrow();
  host.kill("SIGKILL");
  await waitFor("the program to end", () => !isAlive(pid));

  expect(await readdir(join(directory, "run"))).toHaveLength(1);
  await run({});
  expect(await readdir(join(directory, "run"))).toEqual([]);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("converge() hands secrets to the resource and to nobody else", async () => {
  await run({ boxes: [{ name: "a", size: 1, secretLabel: "s3cr3t" }] });
  expect(store.boxes.get("a")?.label).toBe("s3cr3t");
  expect(JSON.stringify(events)).not.toContain("s3cr3t");
});

test("converge() tells phases: started, what is in flight and what it waits for, finished with its time", async () => {
  await run({
    boxes: [
      { name: "a", size: 1, shelf: "upper" },
      { name: "b", size: 1, shelf: "lower" },
    ],
  });
  const upper = events.filter((event) => "phase" in event && event.phase?.name === "upper");
  expect(upper.map(({ kind }) => kind)).toEqual([
    "phase-started",
    "resource-started",
    "narration",
    "resource-finished",
    "phase-finished",
  ]);
  expect(upper[2]).toMatchObject({ name: "a", message: "filling a", phase: { inFlight: 1, narration: "filling a" } });
  expect(upper[4]).toMatchObject({ phase: { inFlight: 0 }, ms: expect.any(Number) });
});
