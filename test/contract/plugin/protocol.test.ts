import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FileLock } from "../../../src/machine/FileLock.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { ProviderClient, SIGNATURE, secret, UNKNOWN } from "../../support/ProviderClient.ts";

const FILE = "dayzero:local:File";
const CANARY = "canary-8d1f0c52-not-for-anybody";

let project: string;
let layout: StackLayout;
const running: ProviderClient[] = [];

async function plugin(config: Record<string, string> = {}): Promise<ProviderClient> {
  const client = await ProviderClient.start({ project, stack: "test", config: { program: "local", ...config } });
  running.push(client);
  return client;
}

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "dz-plugin-"));
  await writeFile(join(project, "Pulumi.yaml"), "name: fleet\nruntime: nodejs\n");
  layout = new StackLayout(join(project, ".dayzero", "test"));
});

afterEach(async () => {
  for (const client of running.splice(0)) await client.stop();
});

afterAll(() => rm(project, { recursive: true, force: true }));

describe("the plugin process", () => {
  it("says its port on standard output and nothing else, and ends on SIGINT with nothing said", async () => {
    const client = await plugin();
    const inputs = { path: "etc/said.conf", content: "a" };
    await client.create(FILE, "said", inputs);
    expect(await client.stop()).toBe(0);
    expect(client.stdout).toMatch(/^\d+\n$/);
    expect(client.stderr).toBe("");
  });

  it("ends when the engine is gone, and gives the stack back", async () => {
    const client = await plugin();
    await client.create(FILE, "gone", { path: "etc/gone.conf", content: "a" });
    expect(await FileLock.tryAcquire({ path: layout.lock })).toBeUndefined();
    expect(await client.loseEngine()).toBe(0);
    const lock = await FileLock.tryAcquire({ path: layout.lock });
    expect(lock).toBeDefined();
    await lock?.release();
  });

  it("gives the stack back at once when it is told to end, though the engine keeps its connection", async () => {
    const client = await plugin();
    await client.create(FILE, "kept-open", { path: "etc/kept-open.conf", content: "a" });
    const connection = await halfACall(Number(client.stdout.trim()));
    const since = performance.now();
    expect(await client.stop()).toBe(0);
    expect(performance.now() - since).toBeLessThan(2_000);
    connection.destroy();
    const lock = await FileLock.tryAcquire({ path: layout.lock });
    expect(lock).toBeDefined();
    await lock?.release();
  });

  it("refuses to write with STACK_BUSY while another run holds the stack, and reads on", async () => {
    const client = await plugin();
    const lock = await FileLock.acquire({ path: layout.lock });
    try {
      const inputs = { path: "etc/busy.conf", content: "a" };
      await expect(client.create(FILE, "busy", inputs)).rejects.toThrow("STACK_BUSY");
      expect((await client.read(FILE, "busy", { id: "etc/busy.conf" })).id).toBe("");
    } finally {
      await lock.release();
    }
  });

  it("breaks off what is under way when it is cancelled", async () => {
    const client = await plugin();
    const lock = await FileLock.acquire({ path: layout.lock });
    try {
      const create = client.create(FILE, "cancelled", { path: "etc/cancelled.conf", content: "a" });
      const failed = expect(create).rejects.toThrow("CANCELLED");
      const { default: empty } = await import("google-protobuf/google/protobuf/empty_pb.js");
      await client.call("cancel", new empty.Empty());
      await failed;
    } finally {
      await lock.release();
    }
  });

  it("remembers the stack for dayzero before its first write, and not in a preview", async () => {
    await rm(layout.directory, { recursive: true, force: true });
    const client = await plugin();
    const inputs = { path: "etc/first.conf", content: "a" };
    await client.create(FILE, "first", inputs, true);
    await expect(readFile(join(layout.directory, "stack.json"))).rejects.toThrow("ENOENT");
    await client.create(FILE, "first", inputs);
    expect(JSON.parse(await readFile(join(layout.directory, "stack.json"), "utf8"))).toEqual({ program: "local" });
  });
});

describe("Check", () => {
  it("names every problem at its property path", async () => {
    const client = await plugin();
    const { failures } = await client.check("dayzero:local:Process", "p", {
      name: "Not Plain",
      tool: "etcd",
      args: ["a", 2],
      ready: { kind: "http", url: "ftp://x" },
      extra: "x",
    });
    expect(Object.keys(failures).sort()).toEqual(["", "args[1]", "name", "ready.url"]);
    expect(failures.name).toBe("is not a plain name");
    // The engine shows the value of the property that it is told, and what nobody asked for may be anything.
    expect(failures[""]).toBe("extra: there is no such property");
  });

  it("lets what is not known yet pass, and gives inputs back as they came", async () => {
    const client = await plugin();
    const news = { path: "etc/a.conf", content: UNKNOWN, mode: UNKNOWN };
    expect(await client.check(FILE, "a", news)).toEqual({ inputs: news, failures: {} });
    const process = { name: "p", tool: "etcd", args: UNKNOWN, ready: UNKNOWN };
    expect((await client.check("dayzero:local:Process", "p", process)).failures).toEqual({});
  });

  it("refuses the same identity twice in one run", async () => {
    const client = await plugin();
    const news = { path: "etc/twice.conf", content: "a" };
    expect((await client.check(FILE, "one", news)).failures).toEqual({});
    // The engine may check one resource several times.
    expect((await client.check(FILE, "one", news)).failures).toEqual({});
    expect((await client.check(FILE, "other", news)).failures[""]).toContain("IDENTITY_DUPLICATE");
  });

  it("refuses inputs that look like a credential, without showing them", async () => {
    const client = await plugin();
    const token = `hvs.${"A1b2C3d4".repeat(12)}`;
    const { failures } = await client.check(FILE, "token", { path: "etc/token.conf", content: secret(token) });
    expect(failures[""]).toMatch(/^content: .*Pulumi state/);
    expect(JSON.stringify(failures)).not.toContain(token);
  });

  it("refuses what a Secret holds: no form tells a password from another word", async () => {
    const client = await plugin();
    const manifest = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "default" } };
    const held = { ...manifest, stringData: { password: CANARY } };
    const { failures } = await client.check("dayzero:kubernetes:Object", "s", held);
    expect(failures).toEqual({ stringData: expect.stringContaining("Pulumi state") });
    const marked = { ...held, stringData: secret(held.stringData) };
    expect(JSON.stringify((await client.check("dayzero:kubernetes:Object", "s", marked)).failures)).toMatch(
      /"":"stringData: /,
    );
  });

  it("refuses to take over a repository that dayzero was given by a flag while the stack's file says another one", async () => {
    const first = await plugin();
    await first.create(FILE, "made", { path: "etc/made.conf", content: "a" });
    await first.stop();
    const remembered = { program: "local", source: "https://git.example.com/team/fleet.git" };
    await writeFile(join(layout.directory, "stack.json"), JSON.stringify(remembered));
    const client = await plugin();
    const type = "dayzero:git:Repository";
    const { failures } = await client.check(type, "r", { name: "fleet", source: { kind: "scaffold" } });
    expect(failures.source).toContain("dayzero:repository.source");
    const same = { name: "fleet", source: { kind: "url", url: remembered.source } };
    expect((await client.check(type, "r", same)).failures).toEqual({});
    await rm(join(layout.directory, "stack.json"));
  });
});

describe("a stack that another program made", () => {
  it("is refused before anything of it is looked at", async () => {
    const first = await plugin();
    await first.create(FILE, "made", { path: "etc/made.conf", content: "a" });
    await first.stop();
    await writeFile(join(layout.directory, "stack.json"), JSON.stringify({ program: "existing" }));
    const client = await plugin();
    await expect(client.read(FILE, "made", { id: "etc/made.conf" })).rejects.toThrow("STACK_PROGRAM_CHANGED");
    await rm(join(layout.directory, "stack.json"));
  });
});

describe("previews", () => {
  it("make nothing, and leave what will be found out unknown", async () => {
    const client = await plugin();
    const news = { path: "etc/preview.conf", content: "a" };
    expect(await client.create(FILE, "preview", news, true)).toEqual({ id: "", properties: news });
    const unknown = { path: "etc/preview.conf", content: UNKNOWN };
    expect(await client.create(FILE, "preview", unknown, true)).toEqual({ id: "", properties: unknown });
    expect((await client.read(FILE, "preview", { id: "etc/preview.conf" })).id).toBe("");
    await expect(client.create(FILE, "preview", unknown)).rejects.toThrow("INPUTS_UNKNOWN");
  });

  it("know the outputs of what will be adopted as it is", async () => {
    const client = await plugin();
    const news = { path: "etc/adopted.conf", content: "a" };
    const made = await client.create(FILE, "adopted", news);
    expect(await client.create(FILE, "adopted", news, true)).toEqual(made);
  });

  it("of an update with an unknown input change nothing", async () => {
    const client = await plugin();
    const news = { path: "etc/later.conf", content: "a" };
    const { id, properties: olds } = await client.create(FILE, "later", news);
    const later = { ...news, content: UNKNOWN };
    const difference = await client.diff(FILE, "later", { id, olds, oldInputs: news, news: later });
    expect(difference).toMatchObject({ changed: true, replaces: [], detailed: { content: 4 } });
    const of = { id, olds, oldInputs: news, news: later, preview: true };
    expect(await client.update(FILE, "later", of)).toEqual(later);
    expect(await readFile(join(layout.directory, "etc/later.conf"), "utf8")).toBe("a");
  });
});

describe("Diff", () => {
  it("finds what somebody changed without a refresh, and what is gone", async () => {
    const client = await plugin();
    const news = { path: "etc/drift.conf", content: "a" };
    const { id, properties: olds } = await client.create(FILE, "drift", news);
    const of = { id, olds, oldInputs: news, news };
    expect((await client.diff(FILE, "drift", of)).changed).toBe(false);
    await writeFile(join(layout.directory, news.path), "b");
    expect(await client.diff(FILE, "drift", of)).toMatchObject({ changed: true, replaces: [] });
    await rm(join(layout.directory, news.path));
    expect(await client.diff(FILE, "drift", of)).toMatchObject({ changed: true, replaces: [] });
    await client.update(FILE, "drift", of);
    expect(await readFile(join(layout.directory, news.path), "utf8")).toBe("a");
  });

  it("replaces for another identity, and lets the new one be made first", async () => {
    const client = await plugin();
    const before = { path: "etc/before.conf", content: "a" };
    const { id, properties: olds } = await client.create(FILE, "moved", before);
    const news = { path: "etc/after.conf", content: "a" };
    expect(await client.diff(FILE, "moved", { id, olds, oldInputs: before, news })).toEqual({
      changed: true,
      replaces: ["path"],
      deleteBeforeReplace: false,
      detailed: { path: 5 },
    });
  });

  it("asks for deletion first where the replacement has the same identity", async () => {
    const client = await plugin();
    const type = "dayzero:local:SecretFile";
    const inputs = { path: "etc/drawn", template: "{{random:hex:16}}", purpose: "a test" };
    const { id, properties: olds } = await client.create(type, "drawn", inputs);
    const news = { ...inputs, template: "{{random:hex:32}}" };
    const difference = await client.diff(type, "drawn", { id, olds, oldInputs: inputs, news });
    expect(difference).toMatchObject({ changed: true, replaces: ["template"], deleteBeforeReplace: true });
  });
});

describe("Delete", () => {
  it("leaves what this run made, and what another resource of it declares", async () => {
    const client = await plugin();
    const inputs = { path: "etc/renamed.conf", content: "a" };
    const { id } = await client.create(FILE, "old-name", inputs);
    await client.stop();
    const next = await plugin();
    await next.check(FILE, "new-name", inputs);
    await next.create(FILE, "new-name", inputs);
    await next.delete(FILE, "old-name", id);
    expect(await readFile(join(layout.directory, inputs.path), "utf8")).toBe("a");
    expect(next.logs.map(({ message }) => message).join()).toContain("left");
    await next.stop();
    const last = await plugin();
    await last.delete(FILE, "new-name", id);
    expect((await last.read(FILE, "new-name", { id })).id).toBe("");
  });
});

describe("secret inputs", () => {
  it("come back marked, and are in no log and no error", async () => {
    const client = await plugin();
    const inputs = { path: "etc/secret.conf", content: secret(CANARY) };
    const made = await client.create(FILE, "secret", inputs);
    expect(made.properties.content).toEqual({ [SIGNATURE]: expect.any(String), value: CANARY });
    // A digest tells a short secret.
    expect(made.properties.digest).toEqual({ [SIGNATURE]: expect.any(String), value: expect.any(String) });
    const { content: _, ...others } = made.properties;
    expect(JSON.stringify(others)).not.toContain(CANARY);
    const of = { id: made.id, olds: made.properties, oldInputs: inputs, news: inputs };
    expect((await client.diff(FILE, "secret", of)).changed).toBe(false);
    const bad = { path: secret(`/${CANARY}`), content: secret(CANARY) };
    const error = await client.create(FILE, "bad", bad).catch((caught: Error) => caught);
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).not.toContain(CANARY);
    expect(JSON.stringify((await client.check(FILE, "bad", bad)).failures)).not.toContain(CANARY);
    const named = { path: secret(`etc/${CANARY}`), content: "a" };
    expect((await client.check(FILE, "named", named)).failures[""]).toContain("part of its identity");
    await expect(client.create(FILE, "named", named)).rejects.toThrow("IDENTITY_SECRET");
    await client.stop();
    expect(JSON.stringify(client.logs) + client.stdout + client.stderr).not.toContain(CANARY);
  });
});

/** A connection on which a call was begun and is never ended, whatever the other end says: HTTP/2 by hand, as any client reacts. */
async function halfACall(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1").on("error", () => undefined);
  const literal = (name: readonly number[], value: string) =>
    Buffer.concat([Buffer.from([...name, value.length]), Buffer.from(value)]);
  // HPACK (RFC 7541): POST, http, and the other headers as literals.
  const headers = Buffer.concat([
    Buffer.from([0x83, 0x86]),
    literal([0x04], "/pulumirpc.ResourceProvider/GetPluginInfo"),
    literal([0x01], "localhost"),
    literal([0x0f, 0x10], "application/grpc"),
    literal([0x00, 2, ...Buffer.from("te")], "trailers"),
  ]);
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const begun = Buffer.concat([Buffer.from([0, 0, headers.length, 1, 4, 0, 0, 0, 1]), headers]);
  // Answered in order, so that what is acknowledged has been read.
  const ping = Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settings, begun, ping]));
  await new Promise<void>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      if (chunk.includes(Buffer.from([0, 0, 8, 6, 1]))) resolve();
    });
  });
  return socket;
}
