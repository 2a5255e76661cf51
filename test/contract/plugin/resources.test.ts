import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { freePorts } from "../../../src/machine/freePorts.ts";
import { objectResource } from "../../../src/resources/kubernetes/ObjectResource.ts";
import { resourceTypes } from "../../../src/resources/registry.ts";
import { type ApiServer, startApiServer } from "../../support/apiserver.ts";
import { standInForKubelet } from "../../support/kubeletStandIn.ts";
import { ProviderClient, SIGNATURE, secret, UNKNOWN, type Wire } from "../../support/ProviderClient.ts";
import { Platform } from "../git/Platform.ts";
import { type Place, ROWS, type Row, type World } from "./rows.ts";

const CANARY = "canary-2f6b90ac-not-for-anybody";
const UNCHANGED = { changed: false, replaces: [], deleteBeforeReplace: true, detailed: {} };
const STACKS: Readonly<Record<Place, string>> = { platform: "test", fresh: "fresh", existing: "existing" };
/** Seconds for a change that cannot come to a good end. */
const PATIENCE = 2;

let folder: string;
let platform: Platform;
let server: ApiServer;
let world: World;
let client: ProviderClient;
const clients = new Map<Place, ProviderClient>();
/** All that plugins told an engine, or wrote. */
let told = "";
const end = new AbortController();
let standIn: Promise<void>;
const made = new Map<string, { id: string; inputs: Wire }>();

async function start(place: Place): Promise<ProviderClient> {
  const config =
    place === "existing"
      ? {
          program: "existing",
          cluster: JSON.stringify({ kubeconfig: server.kubeconfig }),
          vault: JSON.stringify({ address: "https://127.0.0.1:1", login: { method: "token" } }),
          repository: JSON.stringify({ source: "https://git.example.com/team/fleet.git" }),
          gitops: JSON.stringify({ variant: "core" }),
        }
      : { program: "local" };
  client = await ProviderClient.start({ project: folder, stack: STACKS[place], config: { ...config, state: folder } });
  clients.set(place, client);
  return client;
}

async function stop(place: Place, how: "kill" | "stop" = "stop"): Promise<void> {
  const running = clients.get(place);
  clients.delete(place);
  await running?.[how]();
  if (running !== undefined) told += JSON.stringify(running.logs) + running.stdout + running.stderr;
}

async function rowOf(type: string): Promise<Row & { readonly place: Place }> {
  const row = ROWS[type];
  if (row === undefined) throw new Error(`${type} has no row in this test`);
  const { place = "platform" } = row;
  client = clients.get(place) ?? (await start(place));
  return { ...row, place };
}

function copy(wire: Wire): Wire {
  return JSON.parse(JSON.stringify(wire)) as Wire;
}

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "dz-wire-")));
  await writeFile(join(folder, "Pulumi.yaml"), "name: fleet\nruntime: nodejs\n");
  await mkdir(join(folder, "test"), { mode: 0o700 });
  const [redisPort = 0] = await freePorts(1, new Set());
  server = await startApiServer(inject("tools"));
  platform = await Platform.create(inject("tools"), join(folder, "test"));
  const kubernetes = server.client();
  await kubernetes.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" } });
  standIn = standInForKubelet(kubernetes, end.signal).finally(() => kubernetes.close());
  const remove = async (type: string, id: string) => {
    await client.delete(type, "one", id);
    // A run of its own: what a run declares, it does not delete.
    await stop("platform");
    await start("platform");
  };
  world = { platform, redisPort, remove };
}, 180_000);

afterAll(async () => {
  for (const place of clients.keys()) await stop(place);
  end.abort();
  await standIn;
  await server?.stop();
  await platform?.dispose();
  await rm(folder, { recursive: true, force: true });
}, 120_000);

it("has a row for every registered type, and no other", () => {
  expect(Object.keys(ROWS).sort()).toEqual([...resourceTypes].sort());
  for (const [type, { adopts }] of Object.entries(ROWS)) {
    if (adopts !== undefined) process.stderr.write(`adopted, not made: ${type}, because ${adopts}\n`);
  }
});

describe.each(resourceTypes)("%s", (type) => {
  it("is checked, made once though the plugin dies, read, compared, imported and changed", async () => {
    const row = await rowOf(type);
    const inputs = copy(row.inputs(world));
    await row.beforeCreate?.(world);
    expect(await client.check(type, "one", inputs)).toEqual({ inputs, failures: {} });
    if (row.adopts === undefined) {
      expect(await client.create(type, "one", inputs, true)).toMatchObject({ id: "", properties: inputs });
    }
    const first = await client.create(type, "one", inputs);
    expect(first.id).not.toBe("");
    made.set(type, { id: first.id, inputs });
    // The engine never got the answer: it creates again.
    await stop(row.place, "kill");
    await start(row.place);
    await client.check(type, "one", inputs);
    const { id, properties: olds } = await client.create(type, "one", inputs);
    expect(id).toBe(first.id);
    expect(olds).toEqual(first.properties);

    const refreshed = await client.read(type, "one", { id, inputs, properties: olds });
    expect(refreshed).toEqual({ id, inputs, properties: olds });
    expect(await client.diff(type, "one", { id, olds, oldInputs: inputs, news: inputs })).toEqual(UNCHANGED);

    const imported = await client.read(type, "one", { id });
    expect(imported.id).toBe(id);
    for (const [key, value] of Object.entries(imported.inputs)) {
      if (key in inputs) expect(imported.properties).toHaveProperty([key], value);
    }
    const afterImport = { id, olds: imported.properties, oldInputs: imported.inputs, news: inputs };
    expect(await client.diff(type, "one", afterImport)).toEqual(UNCHANGED);

    if (row.update === undefined) return;
    const news = copy({ ...inputs, ...row.update });
    const of = { id, olds, oldInputs: inputs, news };
    expect(await client.diff(type, "one", of)).toMatchObject({ changed: true, replaces: [] });
    const foreseen = await client.update(type, "one", { ...of, preview: true });
    expect(await client.diff(type, "one", of)).toMatchObject({ changed: true });
    const updated = await client.update(type, "one", of);
    expect(updated).toMatchObject(
      Object.fromEntries(Object.entries(foreseen).filter(([, value]) => value !== UNKNOWN)),
    );
    expect(await client.diff(type, "one", { id, olds: updated, oldInputs: news, news })).toEqual(UNCHANGED);
    made.set(type, { id, inputs: news });
  }, 120_000);
});

describe.each(resourceTypes)("%s", (type) => {
  it("lets no secret input out, wherever it is planted", async () => {
    const { texts, plannedOnly } = await rowOf(type);
    const { id, inputs: before } = made.get(type) ?? { id: "", inputs: {} };
    const said: unknown[] = [];
    /** What was answered, or the error of it. */
    const ask = async (what: Promise<unknown>) => {
      const answer = await what.catch((error: Error) => error.message);
      said.push(unmarked(answer));
      return answer;
    };
    for (const news of plantings({ ...before, ...texts })) {
      const checked = (await client.check(type, "one", news)) as { failures: Record<string, string> };
      said.push(checked.failures);
      const of = { id, olds: before, oldInputs: before, news, timeout: PATIENCE };
      await ask(client.diff(type, "one", of));
      await ask(client.create(type, "one", news, true));
      await ask(client.update(type, "one", { ...of, preview: true }));
      if (Object.keys(checked.failures).length > 0 || plannedOnly !== undefined) continue;
      await ask(client.update(type, "one", of));
      await ask(client.read(type, "one", { id, inputs: news, properties: before }));
    }
    await client.update(type, "one", { id, olds: before, oldInputs: before, news: before });
    expect(said.filter((each) => JSON.stringify(each).includes(CANARY))).toEqual([]);
  }, 180_000);
});

describe("an object that dayzero up protects", () => {
  it("is as it should be, and stays protected through an update", async () => {
    await rowOf("dayzero:kubernetes:Object");
    const type = "dayzero:kubernetes:Object";
    const inputs = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "kept", namespace: "default" } };
    const id = objectResource.identify(inputs);
    await objectResource.apply([], objectResource.protected(inputs), platform.context);
    const { properties: olds } = await client.create(type, "kept", inputs);
    expect(await client.diff(type, "kept", { id, olds, oldInputs: inputs, news: inputs })).toEqual(UNCHANGED);
    const news = { ...inputs, data: { a: "1" } };
    const difference = await client.diff(type, "kept", { id, olds, oldInputs: inputs, news });
    expect(Object.keys(difference.detailed)).toEqual(["data"]);
    await client.update(type, "kept", { id, olds, oldInputs: inputs, news });
    expect(await objectResource.isProtected(id, platform.context)).toBe(true);
    await client.delete(type, "kept", id);
  });
});

describe("the files", () => {
  it("that a secret input is in are those it was meant for", async () => {
    const keeps = Object.values(ROWS).flatMap((row) => row.keeps ?? []);
    const found = await filesWith(folder, CANARY);
    const strays = found.filter((path) => !keeps.some((each) => each.test(path.replace(/^(test|fresh)\//, ""))));
    expect(strays).toEqual([]);
  });
});

describe("a run that deletes", () => {
  // Of its own, as `pulumi destroy` is: what a run made, it does not delete.
  beforeAll(async () => {
    for (const place of [...clients.keys()]) await stop(place);
  });

  it.each([...resourceTypes].reverse())(
    "takes %s away, and once more without complaint",
    async (type) => {
      const known = made.get(type);
      if (known === undefined) throw new Error(`${type} was not made`);
      const row = await rowOf(type);
      await client.delete(type, "one", known.id);
      await client.delete(type, "one", known.id);
      const read = client.read(type, "one", { id: known.id, inputs: known.inputs });
      if (row.missedAs !== undefined) await expect(read).rejects.toThrow(row.missedAs);
      else expect((await read).id).toBe(row.remains ? known.id : "");
    },
    120_000,
  );
});

describe("the plugin", () => {
  it("tells the engine nothing that is a credential, or that came as a secret", async () => {
    for (const place of clients.keys()) await stop(place);
    expect(told).not.toMatch(/PRIVATE KEY|eyJ[\w-]+\.eyJ|hvs\.|AGE-SECRET-KEY/);
    expect(told).not.toContain(CANARY);
  });
});

/** The inputs with one of their texts made a secret canary: instead of it, and at its end. */
function plantings(inputs: Wire): Wire[] {
  const within = (value: unknown): unknown[] => {
    if (typeof value === "string") return [secret(CANARY), secret(`${value}-${CANARY}`)];
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([key, item]) =>
      within(item).map((planted) =>
        Array.isArray(value) ? value.with(Number(key), planted) : { ...value, [key]: planted },
      ),
    );
  };
  return within(copy(inputs)) as Wire[];
}

/** Without what is marked as a secret. */
function unmarked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== "object" || value === null) return value;
  if (SIGNATURE in value) return "[secret]";
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unmarked(item)]));
}

/** etcd's own are left out: an object that the program makes is meant to be in there. */
async function filesWith(directory: string, text: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found: string[] = [];
  for (const path of paths) {
    if (/\/data\/etcd\//.test(path)) continue;
    if ((await readFile(path)).includes(text)) found.push(path.slice(directory.length + 1));
  }
  return found;
}
