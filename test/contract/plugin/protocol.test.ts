import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import grpc from "@grpc/grpc-js";
import providerService from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FileLock } from "../../../src/machine/FileLock.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { ProviderClient, SHIM, SIGNATURE, secret, UNKNOWN } from "../../support/ProviderClient.ts";
import { waitFor } from "../../support/waitFor.ts";

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

  it("waits for another run that holds the stack, and says so", async () => {
    const client = await plugin();
    const lock = await FileLock.acquire({ path: layout.lock });
    const made = client.create(FILE, "late", { path: "etc/late.conf", content: "a" });
    await waitFor("the plugin to say so", () =>
      client.logs.some(({ message }) => message.includes(`waiting for process ${process.pid}`)),
    );
    await lock.release();
    expect((await made).id).toBe("etc/late.conf");
  });

  it("refuses to write when another run holds the stack for too long, once with STACK_BUSY, and reads on", async () => {
    const client = await plugin();
    const lock = await FileLock.acquire({ path: layout.lock });
    try {
      const made = ["a", "b", "c"].map((name) =>
        client.create(FILE, name, { path: `etc/busy-${name}.conf`, content: "a" }, false, 1),
      );
      const refused = (await Promise.allSettled(made)).map((each) => String(Reflect.get(each, "reason")));
      expect(refused.filter((reason) => reason.includes("STACK_BUSY"))).toHaveLength(1);
      expect(refused.filter((reason) => reason.includes("STACK_NOT_HELD"))).toHaveLength(2);
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

describe("a stack whose folder is gone", () => {
  const inCluster = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "one", namespace: "default" } };
  const lived: [type: string, id: string, inputs: object][] = [
    ["dayzero:kubernetes:Object", "v1/ConfigMap/default/one", inCluster],
    ["dayzero:cluster:Generation", "generation", {}],
    ["dayzero:vault:Policy", "dayzero.test.fleet", { name: "fleet", rules: [] }],
  ];

  it("has nothing left of what lived in its servers", async () => {
    await rm(layout.directory, { recursive: true, force: true });
    const client = await plugin();
    for (const [type, id] of lived) expect((await client.read(type, "one", { id })).id).toBe("");
  });

  it("is not taken for gone while a server's data is there and the server does not answer", async () => {
    for (const name of ["etcd", "vault"]) await mkdir(layout.data(name), { recursive: true, mode: 0o700 });
    const client = await plugin();
    for (const [type, id] of lived) {
      await expect(client.read(type, "one", { id })).rejects.toThrow(/CLUSTER_INCOMPLETE|PORT_UNKNOWN/);
    }
    await rm(layout.directory, { recursive: true, force: true });
  });
});

describe("a plugin without an engine", () => {
  it("is refused at once where there is no address", async () => {
    for (const address of ["not-an-address", "http://127.0.0.1:1"]) {
      const { code, stdout, stderr } = await alone(address);
      expect({ code, stdout, lines: stderr.split("\n").length }).toEqual({ code: 2, stdout: "", lines: 3 });
      expect(stderr).toContain(address);
    }
  });

  it("ends by itself when it never reaches one", async () => {
    expect(await alone("127.0.0.1:1")).toMatchObject({ code: 0, stderr: "" });
  }, 30_000);
});

describe("what no engine asks", () => {
  it.each(["", "x", "urn:pulumi:test::dayzero", "urn:pulumi:..::dayzero::dayzero:local:File::a"])(
    "is refused: URN %j",
    async (urn) => {
      const client = await plugin();
      const request = new messages.ReadRequest().setUrn(urn).setId("etc/a.conf");
      await expect(client.call("read", request)).rejects.toThrow("URN_INVALID");
    },
  );

  it("is refused: another stack or project than before, and a type that there is not", async () => {
    const client = await plugin();
    const ask = (urn: string) => client.call("read", new messages.ReadRequest().setUrn(urn).setId("etc/none.conf"));
    await ask(`urn:pulumi:test::fleet::a:b:C$${FILE}::a::b`);
    await expect(ask(`urn:pulumi:other::fleet::${FILE}::a`)).rejects.toThrow("STACK_CHANGED");
    await expect(ask(`urn:pulumi:test::other::${FILE}::a`)).rejects.toThrow("STACK_CHANGED");
    await expect(ask("urn:pulumi:test::fleet::constructor:a:b::a")).rejects.toThrow("HANDLER_MISSING");
  });

  it("is refused: properties nested without end, and more than any resource has", async () => {
    const client = await plugin();
    const nested = (levels: number) => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`) as object;
    const inputs = (content: unknown) => ({ path: "etc/a.conf", content });
    await expect(client.check(FILE, "a", inputs(nested(101)))).rejects.toThrow("PROPERTIES_TOO_DEEP");
    expect((await client.check(FILE, "a", inputs(nested(98)))).failures).toHaveProperty("content");
    await expect(client.check(FILE, "a", inputs("x".repeat(80_000_000)))).rejects.toThrow(/larger than max/);
    expect((await client.check(FILE, "a", inputs("x".repeat(1_500_000)))).failures).toEqual({});
  });

  it("removes no file by the name of one that leads out of the stack's folder", async () => {
    const client = await plugin();
    for (const type of [FILE, "dayzero:local:SecretFile", "dayzero:local:DataFolder", "dayzero:local:Authority"]) {
      await expect(client.delete(type, "a", "../../Pulumi.yaml")).rejects.toThrow("IDENTITY_INVALID");
      await expect(client.read(type, "a", { id: "../../Pulumi.yaml" })).rejects.toThrow("IDENTITY_INVALID");
    }
    expect(await readFile(join(project, "Pulumi.yaml"), "utf8")).toContain("fleet");
  });

  // Only root can become another user, and only Linux tells whose a connection is.
  it.runIf(process.getuid?.() === 0 && process.platform === "linux")(
    "is refused: the same from another user of the machine",
    async () => {
      const client = await plugin();
      const port = Number(client.stdout.trim());
      expect(await pluginInfoThrough({ uid: 0, port })).toBeUndefined();
      expect(await pluginInfoThrough({ uid: 65_534, port })).toMatchObject({
        code: grpc.status.PERMISSION_DENIED,
        details: expect.stringContaining("PEER_REFUSED"),
      });
    },
  );
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
    expect(await client.create(FILE, "preview", news, true)).toMatchObject({ id: "", properties: news });
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

/** The plugin started by hand, to its end. */
async function alone(engine: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(SHIM, [engine], { stdio: ["ignore", "pipe", "pipe"] });
  const [code, stdout, stderr] = await Promise.all([
    new Promise<number | null>((resolve) => child.once("exit", resolve)),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, stdout, stderr };
}

const FORWARDER = `const net = require("node:net");
const server = net.createServer((from) => {
  const to = net.connect(Number(process.argv[1]), "127.0.0.1");
  for (const socket of [from, to]) socket.on("error", () => undefined);
  from.pipe(to).pipe(from);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));`;

/** The error of a call that reaches the plugin from a process of a user. */
async function pluginInfoThrough({ uid, port }: { uid: number; port: number }): Promise<Error | undefined> {
  const forwarder = spawn(process.execPath, ["-e", FORWARDER, String(port)], {
    uid,
    cwd: "/",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const at = await new Promise<string>((resolve) => forwarder.stdout.once("data", (data) => resolve(String(data))));
  const client = new providerService.ResourceProviderClient(
    `127.0.0.1:${at.trim()}`,
    grpc.credentials.createInsecure(),
  );
  const error = await new Promise<Error | null>((resolve) => client.getPluginInfo(new empty.Empty(), resolve));
  client.close();
  forwarder.kill();
  return error ?? undefined;
}

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
