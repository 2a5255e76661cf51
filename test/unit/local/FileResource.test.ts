import { chmod, mkdtemp, readdir, readFile, realpath, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeFileAtomic } from "../../../src/machine/writeFileAtomic.ts";
import { fileResource } from "../../../src/resources/local/FileResource.ts";
import { portsResource } from "../../../src/resources/local/PortsResource.ts";
import { secretFileResource } from "../../../src/resources/local/SecretFileResource.ts";
import type { Resource } from "../../../src/resources/Resource.ts";
import { localContext } from "../../support/localContext.ts";

let root: string;
let directory: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "dz-file-")));
  directory = join(root, "a");
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function converge<Inputs, Live extends object>(
  resource: Resource<Inputs, Live>,
  given: unknown,
  folder = directory,
) {
  const ctx = localContext(folder, { tools: { git: "/opt/it's here/git" } });
  const desired = resource.inputs.parse(given);
  const id = resource.identify(desired);
  const changes = resource.plan(await resource.read(id, ctx, desired), desired);
  return { changes, live: await resource.apply(changes, desired, ctx), id, ctx };
}

test("fileResource, heals what was changed by hand", async () => {
  const file = join(directory, "etc/app.yaml");
  await converge(fileResource, { path: "etc/app.yaml", content: "a: 1\n" });
  expect((await converge(fileResource, { path: "etc/app.yaml", content: "a: 1\n" })).changes).toEqual([]);
  await writeFile(file, "a: 2\n");
  await chmod(file, 0o644);
  const { changes } = await converge(fileResource, { path: "etc/app.yaml", content: "a: 1\n" });
  expect(changes.map((change) => change.path)).toEqual(["content", "mode"]);
  expect(await readFile(file, "utf8")).toBe("a: 1\n");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test("fileResource, writes a tool's command line so that sh reads it as one", async () => {
  const content = '#!/bin/sh\nexec {tool:git} "$@"\n';
  await converge(fileResource, { path: "bin/git", content, mode: 0o700 });
  expect(await readFile(join(directory, "bin/git"), "utf8")).toBe(`#!/bin/sh\nexec '/opt/it'\\''s here/git' "$@"\n`);
  expect((await converge(fileResource, { path: "bin/git", content, mode: 0o700 })).changes).toEqual([]);
});

test("fileResource, knows its files and removes one for good", async () => {
  const { ctx, id } = await converge(fileResource, { path: "etc/app.yaml", content: "" });
  await converge(secretFileResource, { path: "etc/key", template: "{{random:hex:16}}", purpose: "a key" });
  expect(await fileResource.owned("test", ctx)).toEqual(["etc/app.yaml"]);
  await fileResource.remove(id, ctx);
  await fileResource.remove(id, ctx);
  expect(await fileResource.owned("test", ctx)).toEqual([]);
  expect(await fileResource.read(id, ctx)).toBeUndefined();
});

test.each(["/etc/passwd", "../other", "etc/../../other", "etc/", ".", "etc/a\0", ""])(
  "fileResource, refuses the path %j",
  (path) => {
    expect(fileResource.inputs.safeParse({ path, content: "" }).success).toBe(false);
  },
);

test.each([fileResource, secretFileResource])("$type, removes no file without its mark", async (resource) => {
  await writeFileAtomic(join(directory, "etc/other"), "not made by it");
  await resource.remove("etc/other", localContext(directory));
  expect(await readFile(join(directory, "etc/other"), "utf8")).toBe("not made by it");
});

test("secretFileResource, draws its value once and tells nothing of it", async () => {
  const inputs = { path: "etc/key", template: "key: {{random:base64:32}}\n", purpose: "a key" };
  const { live } = await converge(secretFileResource, inputs);
  const content = await readFile(join(directory, "etc/key"), "utf8");
  const value = /^key: ([A-Za-z0-9+/]{43}=)\n$/.exec(content)?.[1] ?? "";
  expect(Buffer.from(value, "base64")).toHaveLength(32);
  expect(JSON.stringify(live)).not.toContain(value);
  const again = await converge(secretFileResource, inputs);
  expect(again.changes).toEqual([]);
  expect(await readFile(join(directory, "etc/key"), "utf8")).toBe(content);
  expect((await stat(join(directory, "etc/key"))).mode & 0o777).toBe(0o600);
});

test("secretFileResource, is replaced when its template changes, and only then", async () => {
  await converge(secretFileResource, { path: "etc/key", template: "{{random:hex:16}}", purpose: "a key" });
  const before = await readFile(join(directory, "etc/key"), "utf8");
  const renamed = await converge(secretFileResource, {
    path: "etc/key",
    template: "{{random:hex:16}}",
    purpose: "the key",
  });
  expect(renamed.changes.map((change) => change.action)).toEqual(["update"]);
  expect(await readFile(join(directory, "etc/key"), "utf8")).toBe(before);
  const { changes } = await converge(secretFileResource, {
    path: "etc/key",
    template: "{{random:hex:32}}",
    purpose: "the key",
  });
  expect(changes.map((change) => change.action)).toEqual(["replace"]);
  expect(await readFile(join(directory, "etc/key"), "utf8")).toMatch(/^[0-9a-f]{64}$/);
});

test("secretFileResource, includes another secret file and follows it", async () => {
  const password = { path: "etc/password", template: "{{random:hex:16}}", purpose: "a password" };
  const including = {
    path: "etc/server.conf",
    template: "user default >{{file:etc/password}}\n",
    purpose: "its server's",
  };
  await expect(converge(secretFileResource, including)).rejects.toThrow();
  await converge(secretFileResource, password);
  await converge(secretFileResource, including);
  expect((await converge(secretFileResource, including)).changes).toEqual([]);
  await rm(join(directory, "etc/password"));
  await converge(secretFileResource, password);
  expect((await converge(secretFileResource, including)).changes).toHaveLength(1);
  const drawn = await readFile(join(directory, "etc/password"), "utf8");
  expect(await readFile(join(directory, "etc/server.conf"), "utf8")).toBe(`user default >${drawn}\n`);
});

test("secretFileResource, is drawn again when it was changed, and tells nothing of what was in it", async () => {
  const inputs = { path: "etc/server.conf", template: "user >{{random:hex:16}}\n", purpose: "its server's" };
  const { live, id, ctx } = await converge(secretFileResource, inputs);
  const file = join(directory, "etc/server.conf");
  const content = await readFile(file, "utf8");
  await writeFile(file, content.slice(0, 12));
  expect(await secretFileResource.read(id, ctx)).toBeUndefined();
  const again = await converge(secretFileResource, inputs);
  expect(again.changes.map((change) => change.action)).toEqual(["create"]);
  expect(await readFile(file, "utf8")).toMatch(/^user >[0-9a-f]{32}\n$/);
  expect(again.live.drawn).not.toBe(live.drawn);
  expect((await converge(secretFileResource, inputs)).changes).toEqual([]);
  expect(Object.keys(again.live).sort()).toEqual(["drawn", "path", "purpose", "templateDigest"]);
});

test("secretFileResource, is not drawn again when it was changed and what is stored depends on it", async () => {
  const inputs = { path: "etc/key", template: "{{random:hex:16}}", purpose: "a key", loss: "fatal" };
  await converge(secretFileResource, inputs);
  const content = await readFile(join(directory, "etc/key"), "utf8");
  await writeFile(join(directory, "etc/key"), "x");
  await expect(converge(secretFileResource, inputs)).rejects.toMatchObject({
    code: "SECRET_FILE_LOST",
    message: "cannot use etc/key (a key): it was changed",
  });
  await writeFile(join(directory, "etc/key"), content);
  expect((await converge(secretFileResource, inputs)).changes).toEqual([]);
});

test("secretFileResource, is drawn again when it was lost, and says so to who reads it", async () => {
  const inputs = { path: "etc/password", template: "{{random:hex:16}}", purpose: "a password" };
  const first = await converge(secretFileResource, inputs);
  expect((await converge(secretFileResource, inputs)).live.drawn).toBe(first.live.drawn);
  await rm(join(directory, "etc/password"));
  expect((await converge(secretFileResource, inputs)).live.drawn).not.toBe(first.live.drawn);
});

test("secretFileResource, never draws one again whose loss is fatal", async () => {
  const inputs = { path: "etc/key", template: "{{random:hex:16}}", purpose: "a key", loss: "fatal" };
  await converge(secretFileResource, inputs);
  const drawn = await readFile(join(directory, "etc/key"), "utf8");
  const lost = expect.objectContaining({ code: "SECRET_FILE_LOST", hint: expect.stringContaining("backup") });
  await expect(converge(secretFileResource, { ...inputs, template: "{{random:hex:32}}" })).rejects.toEqual(lost);
  // The mark alone is lost: what is there stays.
  await rm(join(directory, "owned"), { recursive: true });
  await converge(secretFileResource, inputs);
  expect(await readFile(join(directory, "etc/key"), "utf8")).toBe(drawn);
  await rm(join(directory, "etc/key"));
  await expect(converge(secretFileResource, inputs)).rejects.toEqual(lost);
  await expect(readFile(join(directory, "etc/key"))).rejects.toThrow();
});

test("secretFileResource, stands in the ledger under its purpose", async () => {
  const { live, id } = await converge(secretFileResource, {
    path: "etc/key",
    template: "{{random:hex:16}}",
    purpose: "a key",
  });
  expect(secretFileResource.ledger?.(id, live)).toMatchObject([{ what: "a key", where: "etc/key", residual: true }]);
});

test("secretFileResource, draws again what was cut short, and refuses one whose loss is fatal", async () => {
  const key = { path: "etc/key", template: "key: {{random:hex:16}}\n", purpose: "a key" };
  const { live } = await converge(secretFileResource, key);
  await truncate(join(directory, "etc/key"), 4);
  const again = await converge(secretFileResource, key);
  expect(again.live.drawn).not.toBe(live.drawn);
  expect(await readFile(join(directory, "etc/key"), "utf8")).toMatch(/^key: [0-9a-f]{32}\n$/);

  const fatal = { ...key, path: "etc/fatal", loss: "fatal" };
  await converge(secretFileResource, fatal);
  await truncate(join(directory, "etc/fatal"), 4);
  await expect(converge(secretFileResource, fatal)).rejects.toMatchObject({ code: "SECRET_FILE_LOST" });
});

test("a mark in pieces: a file is written again, a secret that data depends on is kept, and each is still removed", async () => {
  const file = { path: "etc/app.yaml", content: "a: 1\n" };
  const fatal = { path: "etc/key", template: "{{random:hex:16}}", purpose: "a key", loss: "fatal" };
  const { ctx } = await converge(fileResource, file);
  await converge(secretFileResource, fatal);
  const key = await readFile(join(directory, "etc/key"), "utf8");
  const marks = { file: "etc%2Fapp.yaml", "secret-file": "etc%2Fkey" };
  const breakMarks = () =>
    Promise.all(
      Object.entries(marks).map(([kind, name]) => truncate(join(directory, "owned", kind, `${name}.json`), 5)),
    );

  await breakMarks();
  expect((await converge(fileResource, file)).changes).toEqual([{ action: "create", path: "" }]);
  await converge(secretFileResource, fatal);
  expect(await readFile(join(directory, "etc/key"), "utf8")).toBe(key);
  expect((await converge(fileResource, file)).changes).toEqual([]);

  await breakMarks();
  await fileResource.remove("etc/app.yaml", ctx);
  await secretFileResource.remove("etc/key", ctx);
  expect(await readdir(join(directory, "etc"))).toEqual([]);
  expect(await fileResource.owned("test", ctx)).toEqual([]);
});

test("portsResource, does not take what it cannot read for no ports", async () => {
  await converge(portsResource, {});
  for (const size of [0, 40]) {
    await truncate(join(directory, "ports.json"), size);
    const failed = converge(portsResource, {});
    await expect(failed).rejects.toMatchObject({
      code: "PORTS_UNREADABLE",
      hint: expect.stringContaining("remove it"),
    });
  }
});

test("portsResource, remembers its ports and adds those that are missing", async () => {
  const { live } = await converge(portsResource, {});
  expect((await converge(portsResource, {})).live).toEqual(live);
  const { git, ...older } = live.ports;
  await writeFile(join(directory, "ports.json"), JSON.stringify(older));
  const more = await converge(portsResource, {});
  expect(more.changes.map((change) => change.path)).toEqual(["ports.git"]);
  expect(more.live.ports).toMatchObject(older);
  expect(more.live.ports.git).toBeGreaterThan(0);
  expect(more.live.directory).toBe(directory);
});

test("portsResource, gives no port that a stack beside it remembers", async () => {
  const others = Array.from({ length: 18_000 }, (_, index) => 12_000 + index);
  await writeFileAtomic(
    join(root, "b/ports.json"),
    JSON.stringify(Object.fromEntries(others.map((port) => [port, port]))),
  );
  const { live } = await converge(portsResource, {});
  expect(Object.values(live.ports).filter((port) => others.includes(port))).toEqual([]);
});

test("every local resource, finds nothing where the state folder is missing", async () => {
  const ctx = localContext(join(root, "nothing"), { dryRun: true });
  for (const resource of [fileResource, secretFileResource, portsResource] as Resource<unknown, object>[]) {
    expect(await resource.read("etc/key", ctx)).toBeUndefined();
    expect(await resource.owned("test", ctx)).toEqual([]);
  }
});
