import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DayzeroError } from "../../../src/config/DayzeroError.ts";
import type { ConvergeEvent } from "../../../src/hosts/converge/ConvergeEvent.ts";
import { type ConvergeResult, converge } from "../../../src/hosts/converge/converge.ts";
import { PULUMI_OPTIONS } from "../../../src/hosts/converge/pulumiOptions.ts";
import type { Context } from "../../../src/resources/Resource.ts";
import { BoxStore } from "./BoxStore.ts";

const DOCUMENT = fileURLToPath(new URL("../../../docs/pulumi-options.md", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../../support/programs/optioned.ts", import.meta.url));
const SDK = fileURLToPath(new URL("../../../node_modules/@pulumi/pulumi/", import.meta.url));

interface Line {
  /** `protect`, `invoke: parent`, `a stack transform`: what {@link PROGRAM} knows it as. */
  readonly name: string;
  readonly honoured: boolean;
  /** Code of the refusal. */
  readonly code: string | undefined;
}

const document = await readFile(DOCUMENT, "utf8");
const [options, invokes, others] = ["Options of a resource", "Options of an invoke", "Everything else"].map(linesUnder);
const lines = [...(options ?? []), ...prefixed(invokes ?? []), ...(others ?? [])];

function linesUnder(heading: string): Line[] {
  const section = document.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((row) => {
    const [what = "", up = "", pulumi = ""] = row.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, ""));
    const [, honoured, code] = /^(?:(honoured)|refused, `([A-Z_]+)`)(?:: .+)?$/.exec(up) ?? [];
    if ((honoured ?? code) === undefined || pulumi === "") throw new Error(`not a line of the table: ${row}`);
    const name = what.replace(/ \(.*\)$/, "").replace(/^`(.*)`$/, "$1");
    return { name, honoured: honoured !== undefined, code };
  });
}

function prefixed(of: Line[]): Line[] {
  return of.map((line) => ({ ...line, name: `invoke: ${line.name}` }));
}

/** Names of the optional members of an interface that the SDK declares. */
async function declared(file: string, ...interfaces: string[]): Promise<string[]> {
  const text = await readFile(join(SDK, file), "utf8");
  return interfaces.flatMap((name) => {
    const body = new RegExp(`^export interface ${name} [^{]*\\{\n([\\s\\S]*?)^\\}`, "m").exec(text)?.[1] ?? "";
    const members = Array.from(body.matchAll(/^ {4}(\w+)\??:/gm), ([, member = ""]) => member);
    if (members.length === 0) throw new Error(`the SDK declares no ${name} in ${file}`);
    return members;
  });
}

let directory: string;
let store: BoxStore;
let events: ConvergeEvent[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "options-"));
  store = new BoxStore();
  events = [];
});

afterEach(() => rm(directory, { recursive: true }));

function run(line: string, { dryRun = false, config = {} } = {}): Promise<ConvergeResult> {
  const { signal } = new AbortController();
  const absent = (): Promise<never> => Promise.reject(new Error("there is none in this test"));
  const context: Context = {
    stack: "test",
    directory,
    dryRun,
    signal,
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
    program: PROGRAM,
    config: { "dayzero:line": line, ...config },
    dryRun,
    context,
    handlers: async (type) => (type === store.resource.type ? store.resource : undefined),
    types: [store.resource.type],
    onEvent: (event) => events.push(event),
    node: process.execPath,
    environment: { PATH: process.env.PATH ?? "" },
    signal,
    compileCache: join(tmpdir(), `dayzero-test-compiled-${process.getuid?.()}`),
  });
}

const actions = ({ changes }: ConvergeResult): string[] => changes.map(({ action, name }) => `${action} ${name}`);

function kubeconfigOf(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    clusters: [{ name: "test", cluster: { server } }],
    users: [{ name: "test", user: {} }],
  });
}

/** A cluster that hangs up on whoever calls, and counts the calls. */
async function deaf(): Promise<{ server: Server; kubeconfig: string; calls: () => number }> {
  let calls = 0;
  const server = createServer();
  server.on("connection", (socket) => {
    calls += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const kubeconfig = kubeconfigOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return { server, kubeconfig, calls: () => calls };
}

async function goesToItsCluster(line: string): Promise<void> {
  const [own, other] = await Promise.all([deaf(), deaf()]);
  try {
    const config = { "dayzero:cluster": own.kubeconfig, "dayzero:other": other.kubeconfig };
    await expect(run(line, { dryRun: true, config })).rejects.toThrow('ConfigMap "optioned"');
    expect(own.calls()).toBeGreaterThan(0);
    expect(other.calls()).toBe(0);
  } finally {
    for (const { server } of [own, other]) server.close();
  }
}

/** How each line that is honoured shows. */
const HONOURED: Readonly<Record<string, () => Promise<void>>> = {
  async deletedWith() {
    await run("deletedWith");
    expect(actions(await run("nothing"))).toEqual(["delete optioned", "delete first"]);
    expect(store.boxes.size).toBe(0);
  },
  async dependsOn() {
    store.during = async (name) => {
      if (name === "first") await delay(200);
    };
    await run("plain");
    expect(store.log.indexOf("apply optioned")).toBeLessThan(store.log.indexOf("applied first"));
    store = new BoxStore();
    store.during = (name) => delay(name === "first" ? 200 : 0);
    await run("dependsOn");
    expect(store.log.indexOf("apply optioned")).toBeGreaterThan(store.log.indexOf("applied first"));
  },
  async parent() {
    const { changes } = await run("parent");
    expect(changes[0]?.urn).toBe("urn:pulumi:test::boxes::dayzero:test:Shelf$dayzero:test:Box::optioned");
    expect(events).toContainEqual(expect.objectContaining({ kind: "phase-finished" }));
  },
  async protect() {
    await run("protect");
    await expect(run("nothing")).rejects.toMatchObject({
      code: "RESOURCE_PROTECTED",
      message: expect.stringContaining('"optioned"'),
    });
    expect(store.boxes.size).toBe(1);
  },
  provider: () => goesToItsCluster("provider"),
  providers: () => goesToItsCluster("providers"),
  async secrets() {
    const { outputs } = await run("secrets");
    expect(store.boxes.get("optioned")?.label).toBe("s3cr3t");
    expect(outputs).toEqual({ made: ["token of optioned", "[secret]"] });
    expect(JSON.stringify(events)).not.toContain("s3cr3t");
  },
  async transformations() {
    await run("transformations");
    expect(store.boxes.get("optioned")?.size).toBe(7);
  },
  async "a stack transformation"() {
    await run("a stack transformation");
    expect(store.boxes.get("optioned")?.size).toBe(7);
  },
  async version() {
    expect(actions(await run("version"))).toEqual(["create optioned"]);
  },
};

describe("docs/pulumi-options.md", () => {
  test("has a line for every option that the SDK declares, and for nothing else", async () => {
    const resource = ["ResourceOptions", "CustomResourceOptions", "ComponentResourceOptions"];
    const names = (of: Line[] = []) => of.map(({ name }) => name);
    expect(names(options)).toEqual((await declared("resource.d.ts", ...resource)).sort());
    expect(names(invokes)).toEqual((await declared("invoke.d.ts", "InvokeOptions", "InvokeOutputOptions")).sort());
    expect(names(others).length).toBeGreaterThan(0);
  });

  test("has a line for every option that the host looks for, with the same answer", () => {
    for (const [option, how] of Object.entries(PULUMI_OPTIONS)) {
      const line = lines.find(({ name }) => name === option || name === `a ${option}`);
      expect({ option, honoured: line?.honoured }).toEqual({ option, honoured: how === "honoured" });
    }
  });

  test("says of nothing else that it is honoured than what is tried here", () => {
    const honoured = lines.filter((line) => line.honoured).map(({ name }) => name);
    expect(honoured.sort()).toEqual(Object.keys(HONOURED).sort());
  });
});

test.each(lines.filter((line) => line.honoured))("converge() honours $name", async ({ name }) => {
  await HONOURED[name]?.();
});

test.each(lines.filter((line) => !line.honoured))("converge() refuses $name by name", async ({ name, code }) => {
  // In a plan, what depends on a resource that is not there yet is not asked for.
  const dryRun = name !== "invoke: dependsOn";
  const config = { "dayzero:cluster": kubeconfigOf("http://127.0.0.1:1") };
  const ended: unknown = await run(name, { dryRun, config }).catch((error: unknown) => error);
  const error = ended instanceof DayzeroError ? ended : undefined;
  expect(error).toMatchObject({ code, hint: expect.stringContaining("run `pulumi up") });
  expect(error?.message).toContain(named(name, code));
});

test("converge() refuses an input that looks like a credential, in a plan too, and never shows it", async () => {
  const label = `glpat-${"aB3dE6gH9jK2".repeat(2)}`;
  for (const dryRun of [true, false]) {
    const error: unknown = await run("credential", { dryRun, config: { "dayzero:label": label } }).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({
      code: "INPUTS_CREDENTIAL",
      message:
        'cannot converge dayzero:test:Box "optioned": its inputs hold a credential: label looks like a GitLab token; inputs are kept in Pulumi state',
      hint: expect.stringContaining("pass the path"),
    });
    expect(JSON.stringify([error, events])).not.toContain(label);
  }
  expect(store.boxes.size).toBe(0);
});

/** What a refusal has to say: which resource, function or part of the program. */
function named(name: string, code: string | undefined): string {
  if (name.startsWith("invoke: ")) return 'the invoke "test:index:look"';
  if (name === "urn") return 'the invoke "pulumi:pulumi:getResource"';
  if (code === "PROGRAM_UNSUPPORTED" && !name.startsWith("a")) return '"optioned"';
  return code === "PROGRAM_UNSUPPORTED" ? "the program asks for a" : '"optioned"';
}
