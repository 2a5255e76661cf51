import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isAlive } from "../../../src/machine/DetachedProcess.ts";
import { freePorts } from "../../../src/machine/freePorts.ts";
import { writeFileAtomic } from "../../../src/machine/writeFileAtomic.ts";
import { processResource } from "../../../src/resources/local/ProcessResource.ts";
import { localContext } from "../../support/localContext.ts";
import { waitFor } from "../../support/waitFor.ts";

/** Listens on PORT of its arguments, answers there as Redis does, and does what the other arguments say. */
const SERVER = `
const { createServer } = require("node:net");
const [port, ...how] = process.argv.slice(2);
if (how.includes("say")) console.log("the first line\\nthe last words");
if (how.includes("fall")) process.exit(3);
if (how.includes("deaf")) setInterval(() => {}, 1000);
else createServer((socket) => socket.end("+PONG\\r\\n")).listen(Number(port), "127.0.0.1");
`;

let directory: string;
let port: number;
let tools: Record<string, string>;
beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "dz-process-")));
  [port = 0] = await freePorts(1, new Set());
  await writeFile(join(directory, "server.cjs"), SERVER);
  tools = { node: process.execPath, sh: "/bin/sh" };
});
afterEach(async () => {
  for (const name of await processResource.owned("test", localContext(directory))) {
    await processResource.remove(name, localContext(directory));
  }
  await rm(directory, { recursive: true, force: true });
});

const given = (over: object = {}, ...how: string[]) => ({
  name: "server",
  tool: "node",
  args: ["{directory}/server.cjs", String(port), ...how],
  ready: { kind: "redis", port },
  ...over,
});

async function converge(inputs: object) {
  const ctx = localContext(directory, { tools });
  const desired = processResource.inputs.parse(inputs);
  const changes = processResource.plan(await processResource.read(desired.name, ctx), desired);
  return { changes, live: await processResource.apply(changes, desired, ctx) };
}
const read = () => processResource.read("server", localContext(directory, { tools }));

test("processResource, is ready when apply returns, and a second run starts nothing", async () => {
  const { changes, live } = await converge(given());
  expect(changes).toEqual([{ action: "create", path: "" }]);
  expect(await read()).toEqual(live);
  const again = await converge(given());
  expect(again).toEqual({ changes: [], live });
});

test("processResource, removed, leaves nothing in tmp/, not even what it closed to its own user, and leaves its log", async () => {
  await converge(given());
  const closed = join(directory, "tmp/server/clone/.git");
  await mkdir(closed, { recursive: true });
  await writeFile(join(closed, "HEAD"), "");
  await chmod(join(directory, "tmp/server/clone"), 0o300);
  await processResource.remove("server", localContext(directory));
  expect(existsSync(join(directory, "tmp/server"))).toBe(false);
  expect(existsSync(join(directory, "logs/server.log"))).toBe(true);
});

test("processResource, starts again what was killed", async () => {
  const { live } = await converge(given());
  process.kill(live.pid, "SIGKILL");
  await waitFor("its end", async () => (await read()) === undefined);
  const again = await converge(given());
  expect(again.live.pid).not.toBe(live.pid);
  expect(again.live.ready).toBe(true);
});

test.each([
  ["arguments", { args: ["server.cjs", "PORT", "x"] }],
  ["environment", { environment: { A: "b" } }],
  ["triggers", { triggers: ["changed"] }],
])("processResource, restarts it with other %s", async (_what, over) => {
  const { live } = await converge(given());
  const changed = JSON.parse(JSON.stringify(given(over)).replace("PORT", String(port))) as object;
  const again = await converge(changed);
  expect(again.changes.map((change) => change.action)).toEqual(["update"]);
  expect(again.live.pid).not.toBe(live.pid);
  expect((await converge(changed)).changes).toEqual([]);
});

test("processResource, restarts it when its tool is another one on this machine", async () => {
  const { live } = await converge(given());
  const other = join(directory, "other-node");
  await writeFile(other, `#!/bin/sh\nexec ${process.execPath} "$@"\n`, { mode: 0o700 });
  tools.node = other;
  const again = await converge(given());
  expect(again.changes.map((change) => change.action)).toEqual(["update"]);
  expect(again.live.pid).not.toBe(live.pid);
});

test("processResource, starts what a run that was killed had only written down", async () => {
  const { live } = await converge(given());
  const spec = await readFile(join(directory, "run/server.json"), "utf8");
  await processResource.remove("server", localContext(directory, { tools }));
  await writeFileAtomic(join(directory, "run/server.json"), spec);
  expect(await read()).toBeUndefined();
  expect(await processResource.owned("test", localContext(directory))).toEqual(["server"]);
  const again = await converge(given());
  expect(again.live.pid).not.toBe(live.pid);
});

test("processResource, writes down again what a server runs as when that is in pieces, and leaves the server alone", async () => {
  const { live } = await converge(given());
  await truncate(join(directory, "run/server.json"), 3);
  expect((await read())?.digest).toBe("outdated");
  expect((await converge(given())).live.pid).toBe(live.pid);
  expect((await converge(given())).changes).toEqual([]);
});

test.skipIf(process.platform !== "linux")(
  "processResource, replaces a server whose pid file is in pieces",
  async () => {
    const { live } = await converge(given());
    await truncate(join(directory, "run/server.pid"), 3);
    const again = await converge(given());
    expect(again.live.pid).not.toBe(live.pid);
    expect(await isAlive(live)).toBe(false);
    expect((await converge(given())).changes).toEqual([]);
  },
);

test("processResource, stops a server that a late launcher of an earlier run started as something else", async () => {
  const { live } = await converge(given());
  // As after: `up` wrote the new specification and was killed while the old launcher was still on its way.
  const spec = JSON.parse(await readFile(join(directory, "run/server.json"), "utf8")) as object;
  await writeFileAtomic(join(directory, "run/server.json"), JSON.stringify({ ...spec, triggers: ["new"] }));
  const again = await converge(given({ triggers: ["new"] }));
  expect(again.live.pid).not.toBe(live.pid);
});

test("processResource, restarts once what runs and does not get ready", async () => {
  const deaf = given({ readySeconds: 0.3 }, "deaf");
  await expect(converge(deaf)).rejects.toMatchObject({ code: "PROCESS_NOT_READY" });
  const before = await read();
  expect(before?.ready).toBe(false);
  await expect(converge(deaf)).rejects.toMatchObject({ code: "PROCESS_NOT_READY" });
  expect((await read())?.pid).not.toBe(before?.pid);
});

test("processResource, takes a frozen server for not ready, and restarts it within seconds once it has run for a while", async () => {
  const { live } = await converge(given());
  process.kill(live.pid, "SIGSTOP");
  expect((await read())?.ready).toBe(false);
  const aMinuteAgo = new Date(Date.now() - 61_000);
  await utimes(join(directory, "run/server.pid"), aMinuteAgo, aMinuteAgo);
  const since = performance.now();
  const again = await converge(given());
  expect(again.live.pid).not.toBe(live.pid);
  expect(performance.now() - since).toBeLessThan(15_000);
}, 30_000);

test.skipIf(process.platform !== "linux")(
  "processResource, ends what runs without its pid file, and starts it anew",
  async () => {
    const { live } = await converge(given());
    await rm(join(directory, "run/server.pid"));
    const again = await converge(given());
    expect(existsSync(`/proc/${live.pid}`)).toBe(false);
    expect(again.live.ready).toBe(true);
    await rm(join(directory, "run/server.pid"));
    await processResource.remove("server", localContext(directory));
    expect(existsSync(`/proc/${again.live.pid}`)).toBe(false);
  },
);

test("processResource, tells the last words of a server that ended, and where the rest is", async () => {
  const error = await converge(given({}, "say", "fall")).catch((failure: unknown) => failure);
  expect(error).toMatchObject({ code: "PROCESS_EXITED", hint: `read ${join(directory, "logs/server.log")}` });
  expect(String(error)).toContain("the last words");
  const other = await converge(given({}, "fall")).catch((failure: unknown) => failure);
  expect(String(other)).not.toContain("the last words");
});

test("processResource, says which port another program has taken", async () => {
  const stranger = await listen(port);
  const error = await converge(given()).catch((failure: unknown) => failure);
  expect(error).toMatchObject({ code: "PORT_TAKEN" });
  expect(String(error)).toContain(`port ${port}`);
  expect(error).toMatchObject({ hint: expect.stringContaining(`remove ${join(directory, "ports.json")}`) });
  expect(await read()).toBeUndefined();
  await new Promise((resolve) => stranger.close(resolve));
  expect((await converge(given())).live.ready).toBe(true);
});

test("processResource, says which port is taken when only the server itself finds out", async () => {
  const stranger = await listen(port);
  const error = await converge(given({ ready: { kind: "unix", path: "run/never.sock" } })).catch(
    (failure: unknown) => failure,
  );
  await new Promise((resolve) => stranger.close(resolve));
  expect(error).toMatchObject({ code: "PORT_TAKEN", message: expect.stringContaining(`port ${port}`) });
});

test("processResource, gives a child the environment that is declared and nothing else", async () => {
  await mkdir(join(directory, "vault"), { recursive: true });
  await writeFileAtomic(join(directory, "vault/password"), "from the file\n");
  const script = "env -0 >environment; ls home >home-has; read -r line </dev/tcp/none";
  const inputs = {
    name: "server",
    tool: "sh",
    args: ["-c", `${script.split("; read")[0]}; exec ${process.execPath} server.cjs ${port}`],
    environment: { PLACE: "{directory}/data" },
    secretEnvironment: { PASSWORD: "vault/password" },
    ready: { kind: "redis", port },
  };
  const { live } = await converge(inputs);
  const lines = (await readFile(join(directory, "environment"), "utf8")).split("\0").filter(Boolean);
  const seen = Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2)));
  expect(Object.keys(seen).sort()).toEqual(["HOME", "LANG", "PASSWORD", "PATH", "PLACE", "PWD", "TMPDIR"]);
  expect(seen).toMatchObject({ HOME: join(directory, "home"), PASSWORD: "from the file", PLACE: `${directory}/data` });
  expect(await readFile(join(directory, "home-has"), "utf8")).toBe("");
  expect(JSON.stringify(live)).not.toContain("from the file");
  expect(await readFile(join(directory, "run/server.json"), "utf8")).not.toContain("from the file");
  expect(processResource.ledger?.("server", live)).toMatchObject([{ where: "environment of process server" }]);
});

test("processResource, puts links first on the PATH and starts the tool under the name it is told", async () => {
  const { live } = await converge(given({ links: { dayzero: "dayzero", shell: "sh" }, argv0: "a-server" }));
  expect((await readFile(`/proc/${live.pid}/cmdline`, "utf8")).split("\0")[0]).toBe(
    join(directory, "run/bin/server/a-server"),
  );
  expect((await readdir(join(directory, "run/bin/server"))).sort()).toEqual(["a-server", "dayzero", "shell"]);
  expect(await readFile(`/proc/${live.pid}/environ`, "utf8")).toContain(`PATH=${directory}/run/bin/server:`);
});

test("processResource, lays files under the names that its tool looks for", async () => {
  await converge(given({ files: { "tls/server.js": "server.cjs" } }));
  expect(await readFile(join(directory, "run/files/server/tls/server.js"), "utf8")).toBe(SERVER);
});

test("processResource, once removed, has ended and left nothing in run", async () => {
  const { live } = await converge(given({ links: { shell: "sh" }, files: { "a/b": "server.cjs" } }));
  const ctx = localContext(directory, { tools });
  await processResource.remove("server", ctx);
  await processResource.remove("server", ctx);
  expect(existsSync(`/proc/${live.pid}`)).toBe(false);
  expect((await readdir(join(directory, "run"), { recursive: true })).sort()).toEqual(["bin", "files"]);
  expect(await processResource.owned("test", ctx)).toEqual([]);
});

function listen(at: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(at, "127.0.0.1", () => resolve(server)));
}
